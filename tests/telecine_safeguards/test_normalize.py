"""The skeleton: one form for every way of writing, with the way back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine_safeguards.prompt.normalize import Reading, normalize
from tests.telecine_safeguards.evasions import EVASIONS

CHANGES_WORDS = {"spaced", "dotted", "hyphened", "emoji", "joined", "html"}
"""What the screen resolves before, or the search after."""
any_text = st.text(max_size=40)


@settings(deadline=None)
@given(text=any_text, reading=st.sampled_from(Reading))
def test_normalizing_twice_changes_nothing(text: str, reading: Reading) -> None:
    once = normalize(text, reading).text

    assert normalize(once, reading).text == once


@settings(deadline=None)
@given(text=any_text)
def test_each_letter_knows_where_it_came_from(text: str) -> None:
    normalized = normalize(text)

    assert len(normalized.origins) == len(normalized.text)
    assert list(normalized.origins) == sorted(normalized.origins)
    assert all(0 <= origin < len(text) for origin in normalized.origins)


@settings(deadline=None)
@given(text=any_text)
def test_words_are_parted_by_single_spaces(text: str) -> None:
    words = normalize(text).text

    assert words == " ".join(words.split())


@settings(deadline=None)
@given(text=st.text(st.characters(max_codepoint=127)), reading=st.sampled_from(Reading))
def test_plain_letters_fold_as_beside_others(text: str, reading: Reading) -> None:
    """ASCII goes a faster way; a letter of another script at the end takes the general one."""
    alone, beside = normalize(text, reading), normalize(f"{text} 猫", reading)

    assert beside.text == f"{alone.text} 猫".lstrip()
    assert beside.origins[: len(alone.text)] == alone.origins


@pytest.mark.parametrize("evasion", sorted(set(EVASIONS) - CHANGES_WORDS))
def test_evasions_end_in_one_skeleton(evasion: str) -> None:
    assert normalize(EVASIONS[evasion]("Mickey Mouse")).text == "mickey mouse"


@pytest.mark.parametrize(
    ("written", "skeleton"),
    [
        ("𝐁𝐚𝐭𝐦𝐚𝐧", "batman"),
        ("Ⓑⓐⓣⓜⓐⓝ", "batman"),
        ("🅱🅰🆃🅼🅰🅽", "batman"),
        ("🇧🇦🇹🇲🇦🇳", "batman"),
        ("ʙᴀᴛᴍᴀɴ", "batman"),
        ("Børíng", "boring"),
        ("Шрек", "шpek"),
        ("哆啦A梦", "哆啦 a 梦"),
        ("ﾋﾟｶﾁｭｳ", normalize("ピカチュウ").text),
        ("٣", "e"),
        ("\u3164 \u200b", ""),
    ],
)
def test_one_skeleton_for_many_scripts(written: str, skeleton: str) -> None:
    assert normalize(written).text == skeleton


def test_plain_reading_takes_digits_as_gaps() -> None:
    assert normalize("Mickey2Mouse!", Reading.PLAIN).text == "mickey mouse"


def test_original_words_can_be_quoted() -> None:
    normalized = normalize("see  M1çkey\u200b Mouse!")
    start = normalized.text.index("mickey")

    assert normalized.original_span(start, start + len("mickey mouse")) == "M1çkey\u200b Mouse"
