from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.catalogue import CATALOGUE
from telecine_platform.scheduling.price import (
    UNCORRECTED,
    Correction,
    formula_gpu_s,
    learn,
    price_gpu_s,
)
from tests.records import spec

CARD = CATALOGUE["embedded"]


def learnt(ratios: list[float], start: Correction = UNCORRECTED) -> Correction:
    correction = start
    for ratio in ratios:
        correction = learn(correction, took_gpu_s=10.0 * ratio, formula_gpu_s=10.0)
    return correction


@pytest.mark.parametrize("bigger", [{"num_frames": 33}, {"width_px": 128}, {"num_steps": 13}])
def test_more_frames_pixels_or_steps_cost_more(bigger: dict[str, int]) -> None:
    assert formula_gpu_s(CARD, spec(**bigger)) > formula_gpu_s(CARD, spec())


def test_price_of_a_new_shape_follows_its_model() -> None:
    model = learnt([2.0])
    assert price_gpu_s(10.0, UNCORRECTED, model) == pytest.approx(20.0)
    assert price_gpu_s(10.0, learnt([3.0]), model) == pytest.approx(30.0)


@given(ratio=st.floats(0.05, 20.0), seed=st.integers(0, 1000))
def test_learns_what_jobs_take(ratio: float, seed: int) -> None:
    noise = random.Random(seed)
    correction = learnt([ratio * math.exp(noise.gauss(0, 0.05)) for _ in range(30)])
    assert math.exp(correction.log_ratio) == pytest.approx(ratio, rel=0.1)


@given(outlier=st.sampled_from([1e-3, 1e3]))
def test_one_job_far_out_moves_the_price_little(outlier: float) -> None:
    settled = learnt([1.0] * 30)
    after = learnt([outlier], settled)
    assert math.exp(abs(after.log_ratio)) < 1.02


def test_a_slower_cluster_is_believed_after_some_jobs() -> None:
    settled = learnt([1.0] * 100)
    after = learnt([2.0] * 60, settled)
    assert math.exp(after.log_ratio) == pytest.approx(2.0, rel=0.1)
