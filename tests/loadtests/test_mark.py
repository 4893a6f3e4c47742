"""The mark's load test measures what it says."""

from __future__ import annotations

import numpy as np

from loadtests import mark_baseline
from loadtests.mark_attacks import cut, recoded, turned
from loadtests.mark_false import false_readings
from loadtests.natural_clips import natural_clip
from tests.telecine_safeguards.provenance.pictures import KEY, MARK_ID


def test_baseline_reads_its_own_id_and_loses_it_in_a_cut() -> None:
    clip = natural_clip(2, seconds=0.2, size_px=(240, 416))
    marked = mark_baseline.embed(clip, MARK_ID, KEY)
    assert mark_baseline.find(marked, 240, 416, KEY) == MARK_ID
    assert mark_baseline.find(cut(marked, 0.1), 240, 416, KEY) is None


def test_attacks_keep_frames_and_change_pixels() -> None:
    clip = natural_clip(3, seconds=0.2, size_px=(96, 128))
    for attacked in (recoded(clip, 12, 35), turned(clip, 3.0)):
        assert attacked.shape == clip.shape
        assert not np.array_equal(attacked, clip)


def test_unmarked_pictures_give_no_id() -> None:
    assert false_readings(8, first_seed=1) == 0
