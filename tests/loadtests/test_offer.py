"""Schedules: each pattern keeps its rate, and depends on its arguments alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import fmean, pstdev

import pytest
from click.testing import CliRunner

from loadtests.arrivals import ScheduleError, read_schedule
from loadtests.offer import Offer, Pattern, arrivals_of, main, read_recording, times_of

PROMPTS = ("a red fox", "a blue boat", "a green field")
OFFER = Offer(num_jobs=2_000, rate_per_s=5.0, num_tenants=5, seed=3)


def cv_of(times: list[float]) -> float:
    gaps = [after - before for before, after in pairwise(times)]
    return pstdev(gaps) / fmean(gaps)


@pytest.mark.parametrize("pattern", [Pattern.POISSON, Pattern.GAMMA, Pattern.DIURNAL])
def test_a_pattern_keeps_the_rate_that_is_asked_for(pattern: Pattern) -> None:
    times = times_of(replace(OFFER, pattern=pattern))
    assert times[0] == 0
    assert times == sorted(times)
    assert (len(times) - 1) / times[-1] == pytest.approx(5.0)


def test_gaps_are_as_uneven_as_asked() -> None:
    assert cv_of(times_of(replace(OFFER, pattern=Pattern.POISSON))) == pytest.approx(1, abs=0.1)
    bursts = times_of(replace(OFFER, pattern=Pattern.GAMMA, cv=3.0))
    assert cv_of(bursts) == pytest.approx(3, abs=0.6)


def test_days_are_busier_than_nights() -> None:
    times = times_of(replace(OFFER, pattern=Pattern.DIURNAL, cv=1.0))
    quarters = Counter(int(4 * time / times[-1]) for time in times[:-1])
    assert max(quarters.values()) > 1.5 * min(quarters.values())


def test_a_recording_is_replayed_at_the_rate_that_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("timestamp,other\n100,x\n103,x\n101,x\n109,x\n")
    times = read_recording(file, "timestamp")
    offer = Offer(num_jobs=3, rate_per_s=0.5, pattern=Pattern.RECORDED, recorded_s=times)
    assert times_of(offer) == pytest.approx([0, 4 / 3, 4])
    with pytest.raises(ScheduleError, match="4 requests, not 5"):
        times_of(replace(offer, num_jobs=5))
    with pytest.raises(ScheduleError, match="line 2: no seconds in 'at'"):
        read_recording(file, "at")


def test_tenants_are_of_different_sizes_and_some_take_jobs_back() -> None:
    arrivals = arrivals_of(replace(OFFER, cancel_share=0.1), PROMPTS)
    counts = Counter(arrival.tenant for arrival in arrivals)
    assert len(counts) == 5
    assert counts["tenant-000"] > 3 * counts["tenant-004"]
    cancelled = [each.cancel_after_s for each in arrivals if each.cancel_after_s is not None]
    assert len(cancelled) == pytest.approx(200, abs=60)


def test_the_same_arguments_make_the_same_schedule_and_a_file_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / "schedule.jsonl"
    arguments = ["-o", str(file), "--num-jobs", "30", "--tenants", "3", "--cancel-share", "0.5"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    once = read_schedule(file)
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert read_schedule(file) == once
    assert {each.tenant for each in once} == {"tenant-000", "tenant-001", "tenant-002"}
    assert any(each.cancel_after_s is not None for each in once)
