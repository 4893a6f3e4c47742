"""Which prompts go to the multilingual model too."""

from __future__ import annotations

import pytest

from telecine_safeguards.prompt.language import has_latin, is_foreign


@pytest.mark.parametrize(
    "text",
    [
        "Ein kleiner Igel läuft durch das Laub.",
        "一只黄色的小猫",
        "Рыжий кот спит",
        "A cat sits on a mat. Ein kleines gelbes Wesen mit roten Wangen. A dog runs.",
    ],
)
def test_a_sentence_in_another_language_makes_a_text_foreign(text: str) -> None:
    assert is_foreign(text)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [("一只猫", False), ("рыжий кот", False), ("🎬", False), ("一只 cat", True), ("ｃａｔ", True)],
)
def test_english_model_is_asked_where_it_can_read_something(text: str, is_read: bool) -> None:
    assert has_latin(text) is is_read


@pytest.mark.parametrize(
    "text", ["", "🎬🎬", "a red fox in the snow", "A cat sits on a mat. A dog runs in the park!"]
)
def test_english_is_not_foreign(text: str) -> None:
    assert not is_foreign(text)
