"""The ways to keep a concept out, told apart; one scene of each is made."""

from __future__ import annotations

import pytest

from loadtests.erasure import Way, measure, prompts
from telecine_serve.embedded.scenes import (
    Background,
    Colour,
    Motion,
    Scene,
    Shape,
    Size,
    Speed,
    Thing,
)

SCENE = Scene(
    things=(Thing(colour=Colour.RED, shape=Shape.STAR, size=Size.MEDIUM),),
    background=Background.BLACK,
    motion=Motion.LEFT,
    speed=Speed.MEDIUM,
)
ASKED = "a red star moves left on a black background"
REPLACED = "a red thing moves left on a black background"


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        (Way.AS_ASKED, (ASKED, "")),
        (Way.NEGATIVE, (ASKED, "star")),
        (Way.REPLACED, (REPLACED, "")),
        (Way.BOTH, (REPLACED, "star")),
    ],
)
def test_each_way_says_the_concept_where_it_should(way: Way, expected: tuple[str, str]) -> None:
    assert prompts(SCENE, "shape", way) == expected


@pytest.mark.slow
def test_every_way_is_measured() -> None:
    results = list(measure(1, ["shape"]))
    assert [result.way for result in results] == list(Way)
    assert {result.still_there.num for result in results} == {1}
    assert results[0].still_there.num_right == 1
