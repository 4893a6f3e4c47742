"""The code against its mathematics."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from telecine_safeguards.provenance import bch
from telecine_safeguards.provenance.payload import code_from_id, payload_from_bits
from telecine_safeguards.provenance.soft_decision import nearest_code_word


def test_generator_divides_x_to_the_127_minus_1_and_has_63_check_bits() -> None:
    generator = bch.encode(1)  # x^63 and its remainder: the generator itself
    rest = 1 << bch.CODE_BITS | 1
    while rest.bit_length() >= generator.bit_length():
        rest ^= generator << (rest.bit_length() - generator.bit_length())
    assert generator.bit_length() - 1 == bch.CODE_BITS - bch.DATA_BITS
    assert rest == 0


def test_code_is_linear_cyclic_and_no_two_words_are_nearer_than_21() -> None:
    draw = random.Random(1)
    words = [bch.encode(draw.getrandbits(bch.DATA_BITS)) for _ in range(60)]
    for left, right in itertools.pairwise(words):
        assert bch.decode(left ^ right) == left ^ right
        turned = (left << 1 | left >> (bch.CODE_BITS - 1)) & ((1 << bch.CODE_BITS) - 1)
        assert bch.decode(turned) == turned
        assert (left ^ right).bit_count() >= 2 * bch.MAX_ERRORS + 1


@pytest.mark.parametrize("num_errors", range(bch.MAX_ERRORS + 1))
def test_so_many_errors_are_corrected(num_errors: int) -> None:
    draw = random.Random(num_errors)
    for _ in range(20):
        code = bch.encode(draw.getrandbits(bch.DATA_BITS))
        assert bch.decode(_with_errors(code, draw, num_errors)) == code


def test_noise_is_hardly_ever_a_code_word() -> None:
    draw = random.Random(2)
    assert all(bch.decode(draw.getrandbits(bch.CODE_BITS)) is None for _ in range(300))


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="takes 64 bits, got 65"):
        bch.encode(1 << 64)


def test_sureness_corrects_more_than_signs_can() -> None:
    random_ = np.random.default_rng(3)
    code = bch.encode(0x0123_4567_89AB_CDEF)
    signs = np.array([1.0 if code >> place & 1 else -1.0 for place in range(bch.CODE_BITS)])
    num_by_signs = num_by_sureness = 0
    for _ in range(40):
        soft = signs + random_.normal(0, 0.72, bch.CODE_BITS)
        word = sum(1 << place for place in range(bch.CODE_BITS) if soft[place] > 0)
        num_by_signs += bch.decode(word) == code
        num_by_sureness += nearest_code_word(soft) == code
    assert num_by_sureness >= 38
    assert num_by_signs <= 30


def test_nearest_code_word_is_one() -> None:
    code = nearest_code_word(np.random.default_rng(4).normal(size=bch.CODE_BITS))
    assert bch.decode(code) == code


def test_payload_is_read_with_its_key_only() -> None:
    code = code_from_id(77, b"one")
    soft = np.array([1.0 if code >> place & 1 else -1.0 for place in range(bch.CODE_BITS)])
    soft[:9] *= -0.5
    found = payload_from_bits(soft, b"one")
    assert found is not None
    assert (found.mark_id, found.num_corrected) == (77, 9)
    assert payload_from_bits(soft, b"another") is None


def test_id_of_more_than_40_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="40 bits, got 41"):
        code_from_id(1 << 40, b"one")


def _with_errors(code: int, draw: random.Random, num_errors: int) -> int:
    for place in draw.sample(range(bch.CODE_BITS), num_errors):
        code ^= 1 << place
    return code
