from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from telecine_serve.embedded.captions import draw_caption
from telecine_serve.embedded.evaluation import (
    ATTRIBUTES,
    Share,
    draw_prompts,
    evaluate,
    evaluate_from_image,
)
from telecine_serve.embedded.render import render
from telecine_serve.embedded.scenes import draw_paths, is_held_out

FEW = {"num_seen": 16, "num_held_out": 16, "num_pairs": 12, "num_chinese": 8}


def test_held_out_prompts_and_only_they_name_unseen_pairs() -> None:
    for asked in draw_prompts(0, **FEW):
        assert {is_held_out(thing) for thing in asked.scene.things} == {asked.group == "held out"}


def test_rendered_clips_of_the_prompts_are_judged_right_and_others_wrong() -> None:
    asked = draw_prompts(1, **FEW)
    random = np.random.default_rng(2)
    clip_of = {id(one): render(one.scene, draw_paths(one.scene, random)) for one in asked}
    clips = iter([clip_of[id(one)] for one in asked])

    def right(prompts: Sequence[str]) -> np.ndarray:
        return np.stack([next(clips) for _ in prompts])

    def gray(prompts: Sequence[str]) -> np.ndarray:
        return np.full((len(prompts), 17, 64, 64, 3), 125, dtype=np.uint8)

    for group, shares in evaluate(asked, right).items():
        assert shares["all"].share == 1, group
    for shares in evaluate(asked, gray).values():
        assert shares["all"].num_right == shares["shape"].num_right == 0


def test_a_clip_that_stands_still_has_a_perfect_first_frame_and_wrong_motion() -> None:
    def still(_prompt: str, first_frame_HWC: np.ndarray) -> np.ndarray:
        return np.repeat(first_frame_HWC[None], 17, axis=0)

    found = evaluate_from_image(0, still, num_clips=24)

    assert found.psnr_db > 60
    assert found.shares["colour"].share == 1
    assert found.shares["motion"].share < 0.4


@pytest.mark.parametrize(
    ("num_right", "num", "low", "high"),
    [(0, 10, 0.0, 0.2775), (95, 100, 0.8882, 0.9785), (10, 10, 0.7225, 1.0)],
)
def test_intervals_are_wilsons(num_right: int, num: int, low: float, high: float) -> None:
    assert Share(num_right=num_right, num=num).interval == pytest.approx((low, high), abs=1e-3)


def test_equal_seeds_ask_equal_prompts() -> None:
    assert draw_prompts(5, **FEW) == draw_prompts(5, **FEW)
    assert draw_prompts(5, **FEW) != draw_prompts(6, **FEW)
    assert set(ATTRIBUTES) == {"colour", "shape", "motion", "background"}


def test_captions_hold_the_words_for_what_they_tell() -> None:
    random = np.random.default_rng(4)
    for asked in draw_prompts(4, **FEW):
        caption = draw_caption(asked.scene, random, chinese_share=0, filler_share=0)
        assert asked.scene.background.value.replace("gray", "") in caption.replace("grey", "")
