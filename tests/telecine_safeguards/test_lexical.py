"""Which spellings are a name, and which only look like one."""

from __future__ import annotations

import pytest

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.prompt.lexical import NameIndex
from tests.telecine_safeguards.registries import entity, registry

INDEX = NameIndex(
    registry(
        entity("Elsa"),
        entity("Lassi"),
        entity("Batman"),
        entity("Pikachu", aliases=("皮卡丘", "ピカチュウ")),
        entity("Doraemon", aliases=("哆啦A梦",)),
        entity("Spider-Man"),
        entity("R2-D2"),
        entity("Harry Potter"),
        entity("Link", aliases=("林克",), context_words=("zelda", "Master Sword", "塞尔达")),
    )
)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("Elsa sings", "Elsa"),
        ("the dress of ELSA.", "ELSA"),
        ("Elsa's dress", "Elsa"),
        ("two Elsas", "Elsa"),
        ("E l s a", "E l s a"),
        ("El.sa", "El.sa"),
        ("3lsa2", "3lsa"),
        ("Elsa!", "Elsa"),
        ("@elsa", "elsa"),
        ("bat man at night", "bat man"),
        ("B-a-t-m-a-n", "B-a-t-m-a-n"),
        ("pikachuland", "pikachu"),
        ("Spiderman", "Spiderman"),
        ("spider man", "spider man"),
        ("Spider2Man", "Spider2Man"),
        ("r2d2 beeps", "r2d2"),
        ("一只皮卡丘在跳舞", "皮卡丘"),
        ("米老鼠Elsa在跳舞", "Elsa"),
        ("一只哆啦A梦在跳舞", "哆啦A梦"),
        ("a pikchu", "pikchu"),
        ("hary potter", "hary potter"),
        ("harry pottre", "harry pottre"),
        ("HarryPoter", "HarryPoter"),
        ("Link draws his sword in Zelda", "Link"),
        ("L1nk with the Master Sword", "L1nk"),
        ("林克在塞尔达", "林克"),
    ],
)
def test_name_is_found_and_quoted_as_written(text: str, matched: str) -> None:
    assert [hit.matched for hit in INDEX.find(text)] == [matched]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   \u200b",
        "a classic film",
        "the model sails on",
        "novels and tales",
        "a boatman and a combat manual",
        "a link in a chain",
        "a weblink about zeldas",
        "森林克服困难",
        "a potter called Henry",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert INDEX.find(text) == ()


def test_clear_name_of_an_ambiguous_entity_needs_no_context() -> None:
    index = NameIndex(
        registry(
            entity(
                "Apple",
                aliases=("Apple Inc", "苹果公司"),
                clear_names=("Apple Inc", "苹果公司"),
                context_words=("iphone",),
            )
        )
    )
    texts = ("an apple on a table", "an apple beside an iphone", "App1e Inc. store", "苹果公司大楼")

    assert [bool(index.find(text)) for text in texts] == [False, True, True, True]


def test_context_word_must_stand_outside_the_name() -> None:
    index = NameIndex(registry(entity("Link Zelda", context_words=("zelda",))))

    assert index.find("Link Zelda") == ()
    assert len(index.find("Link Zelda, from Zelda")) == 1


def test_misspelling_scores_below_the_exact_name() -> None:
    (exact,) = INDEX.find("pikachu")
    (similar,) = INDEX.find("pickachu")

    assert exact.score == 1
    assert 0.88 <= similar.score < 1


def test_exact_spelling_wins_over_a_misspelling() -> None:
    (hit,) = INDEX.find("pickachu and pikachu")

    assert (hit.matched, hit.score) == ("pikachu", 1)


@pytest.mark.parametrize("name", ["!", "X", "- ."])
def test_name_that_could_never_be_found_is_refused(name: str) -> None:
    with pytest.raises(RegistryError, match="fewer than 2 letters"):
        NameIndex(registry(entity(name)))


def test_empty_registry_finds_nothing() -> None:
    assert NameIndex(registry()).find("Elsa") == ()


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("batmann", True),
        ("a fox meets batmann on a roof", True),
        ("il vento della sera porta batmann lontano", False),
        ("il vento della sera porta batman lontano", True),
        ("il vento della sera porta pikachuu lontano", True),
        ("il vento della sera porta tutto lontano. A fox meets batmann.", True),
    ],
)
def test_short_misspelling_among_foreign_words_is_one_of_them(text: str, is_found: bool) -> None:
    assert bool(INDEX.find(text)) is is_found
