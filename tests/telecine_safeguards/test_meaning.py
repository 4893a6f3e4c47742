"""The parts under the search by meaning: windows, words, nearest cards, the real model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.prompt.calibration import Evidence, score_from_evidence
from telecine_safeguards.prompt.embed import RememberedEmbed
from telecine_safeguards.prompt.nearest import MAX_EXACT_CARDS, NearestCards
from telecine_safeguards.prompt.rewrite import Replacement, rewritten
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.prompt.sounds import sound_key
from telecine_safeguards.prompt.vocabulary import content_words
from telecine_safeguards.prompt.windows import sentence_spans
from telecine_safeguards.registry.load import starter_registry
from telecine_safeguards.verdict import Action
from tests.telecine_safeguards.fake_embed import fake_embed
from tests.telecine_safeguards.registries import entity

DESCRIPTIONS = Path(__file__).parents[1] / "data" / "screening" / "descriptions.txt"


@settings(deadline=None)
@given(text=st.text(max_size=80))
def test_every_word_is_in_a_window(text: str) -> None:
    inside = "".join(text[start:end] for start, end in sentence_spans(text))
    marks = ".!?;。！？；"

    assert [char for char in inside if not char.isspace() and char not in marks] == [
        char for char in text if not char.isspace() and char not in marks
    ]


def test_long_sentence_is_cut_into_windows_of_forty_words() -> None:
    assert len(sentence_spans(" ".join(["word"] * 90))) == 3


@settings(deadline=None)
@given(word=st.text(alphabet="abdegikoptuvyz", min_size=1, max_size=12))
def test_doubling_a_consonant_does_not_change_the_sound(word: str) -> None:
    doubled = "".join(char * 2 if char in "bdfgkmnprstvz" else char for char in word)

    assert sound_key(doubled) == sound_key(word)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("batman", "batrnan"),
        ("vvarioord", "warioord"),
        ("pikachu", "pikkachoo"),
        ("sonik", "sonic"),
    ],
)
def test_spellings_that_sound_or_look_alike_have_one_key(one: str, other: str) -> None:
    assert sound_key(one) == sound_key(other)


def test_content_words_are_stems_without_the_empty_ones() -> None:
    assert content_words("The cats are wearing a hat") == content_words("cat, hats")


def test_more_evidence_never_lowers_the_score() -> None:
    base = Evidence(
        card=0.5,
        margin=0.1,
        second_attribute=0.3,
        shared_words=9.0,
        shared_words_density=3.0,
        log_num_words=2.5,
    )
    more = Evidence(
        card=0.6,
        margin=0.2,
        second_attribute=0.5,
        shared_words=12.0,
        shared_words_density=4.0,
        log_num_words=2.5,
    )

    assert score_from_evidence(more) > score_from_evidence(base)


def test_grouped_search_finds_what_the_full_product_finds() -> None:
    chance = np.random.default_rng(3)
    centres = chance.standard_normal((300, 32))
    rows = centres[chance.integers(300, size=MAX_EXACT_CARDS + 2_000)]
    rows = rows + 0.3 * chance.standard_normal(rows.shape)
    cards = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    queries = cards[chance.integers(len(cards), size=100)]
    queries = queries + 0.05 * chance.standard_normal(queries.shape)
    windows = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    grouped = NearestCards(cards)

    found = [grouped.near(window[None], 1)[0] for window in windows]

    assert np.mean(np.array(found) == (windows @ cards.T).argmax(axis=1)) >= 0.98


def test_remembered_embed_asks_the_model_only_for_new_texts() -> None:
    asked: list[str] = []

    def model(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        asked.extend(texts)
        return fake_embed(texts)

    embed = RememberedEmbed(model)
    embed(["a", "b"])
    embed(["b", "c", "c"])

    assert asked == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ((), "one two three"),
        (((0, 3),), "G two three"),
        (((4, 7), (8, 13)), "one G G"),
        (((0, 7), (4, 7)), "G three"),
        (((0, 3), (0, 3)), "G two three"),
    ],
)
def test_rewrite_changes_only_the_spans(spans: tuple[tuple[int, int], ...], expected: str) -> None:
    protected = replace(entity("X Y"), generic="G")

    assert rewritten("one two three", [Replacement(entity=protected, spans=spans)]) == expected


@pytest.fixture(scope="module")
def real_screen() -> PromptScreen:
    import torch

    from telecine_serve.screening.minilm import MiniLM

    torch.set_num_threads(1)
    return PromptScreen(starter_registry(), embed=RememberedEmbed(MiniLM()))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "min_share"), [("long", 0.90), ("rewritten", 0.85), ("keywords", 0.80)]
)
def test_descriptions_without_names_are_found(
    real_screen: PromptScreen, form: str, min_share: float
) -> None:
    lines = [line.split("|") for line in DESCRIPTIONS.read_text(encoding="utf-8").splitlines()]
    texts = [line[2] for line in lines if len(line) == 3 and line[1] == form]

    verdicts = real_screen.screen_many([(text, "") for text in texts])

    stopped = [verdict for verdict in verdicts if verdict.action is not Action.ALLOW]
    assert len(texts) >= 60
    assert len(stopped) / len(texts) >= min_share


@pytest.mark.slow
def test_one_text_gets_one_row_whatever_stands_beside_it() -> None:
    from telecine_serve.screening.minilm import MiniLM

    model, texts = MiniLM(), ["a turtle", "a red car on a long mountain road", "x", ""]

    together = model(texts)

    assert np.array_equal(together, np.concatenate([model([text]) for text in texts]))


@pytest.mark.slow
def test_changed_model_file_is_refused(tmp_path: Path) -> None:
    from telecine_serve.screening.minilm import MiniLM

    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckFailed, match="SHA-256"):
        MiniLM(tmp_path)


@pytest.mark.slow
def test_missing_model_file_is_named(tmp_path: Path) -> None:
    from telecine_serve.screening.minilm import MiniLM

    with pytest.raises(CheckFailed, match="cannot be read"):
        MiniLM(tmp_path)
