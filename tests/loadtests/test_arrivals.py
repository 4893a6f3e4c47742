from __future__ import annotations

import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from loadtests.arrivals import (
    Arrival,
    ScheduleError,
    make_schedule,
    read_prompts,
    read_schedule,
    write_schedule,
)

PROMPTS = ("a red fox", "a blue boat", "一只猫")
SAMPLE = Path(__file__).parents[2] / "loadtests" / "prompts" / "sample.txt"


def schedule(
    num_jobs: int = 50, rate_per_minute: float = 20.0, cv: float = 1.4, seed: int = 0
) -> tuple[Arrival, ...]:
    return make_schedule(
        PROMPTS, num_jobs=num_jobs, rate_per_minute=rate_per_minute, cv=cv, seed=seed
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("cv", [1.0, 1.4, 3.6])
def test_gaps_have_the_rate_and_the_variation_asked_for(cv: float, seed: int) -> None:
    arrivals = schedule(num_jobs=20_000, rate_per_minute=30.0, cv=cv, seed=seed)

    gaps_s = [later.at_s - earlier.at_s for earlier, later in pairwise(arrivals)]
    mean_s = statistics.fmean(gaps_s)
    assert mean_s == pytest.approx(2.0, rel=0.08)
    assert statistics.pstdev(gaps_s) / mean_s == pytest.approx(cv, rel=0.08)


def test_same_seed_makes_the_same_schedule() -> None:
    assert schedule(seed=7) == schedule(seed=7)
    assert schedule(seed=7) != schedule(seed=8)


def test_another_rate_asks_for_the_same_clips_at_other_times() -> None:
    slow, fast = schedule(rate_per_minute=10.0), schedule(rate_per_minute=20.0)

    assert [replace(item, at_s=0.0) for item in slow] == [replace(item, at_s=0.0) for item in fast]
    assert slow[-1].at_s == pytest.approx(2 * fast[-1].at_s, abs=0.1)


def test_schedule_starts_at_once_and_never_goes_back() -> None:
    times_s = [item.at_s for item in schedule(cv=3.6)]
    assert times_s[0] == 0.0
    assert times_s == sorted(times_s)


def test_every_prompt_is_used_and_every_job_has_its_own_seed() -> None:
    arrivals = schedule()
    assert {item.prompt for item in arrivals} == set(PROMPTS)
    assert len({item.seed for item in arrivals}) == len(arrivals)


def test_sizes_and_lengths_are_drawn_from_what_is_given() -> None:
    arrivals = make_schedule(
        PROMPTS, num_jobs=50, rate_per_minute=1, cv=1, seed=0, sizes=("64x64", "96x64"),
        lengths_s=(1, 2),
    )  # fmt: skip
    assert {item.size for item in arrivals} == {"64x64", "96x64"}
    assert {item.seconds for item in arrivals} == {1, 2}


def test_schedule_reads_back_as_it_was_written(tmp_path: Path) -> None:
    arrivals = (*schedule(), replace(schedule()[0], size="64x96", seconds=2, seed=1, at_s=9999.0))
    write_schedule(tmp_path / "schedule.jsonl", arrivals)
    assert read_schedule(tmp_path / "schedule.jsonl") == arrivals


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no arrival"),
        ("nonsense\n", "line 1"),
        ('{"timestamp": 0, "text_input": "a"}\n', "extra"),
        ('{"timestamp": -1, "text_input": "a", "extra": {"seed": 1}}\n', "timestamp"),
        ('{"timestamp": 0, "text_input": "a", "extra": {"seed": 1}, "x": 1}\n', "x "),
        ('{"timestamp": 0, "text_input": "a", "extra": {"seed": 1}}\n' * 2, "twice"),
    ],
)
def test_wrong_schedule_file_is_refused_with_its_fault(
    tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "schedule.jsonl"
    path.write_text(text)
    with pytest.raises(ScheduleError, match=complaint):
        read_schedule(path)


def test_missing_and_empty_prompt_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    for name in ("empty.txt", "missing.txt"):
        with pytest.raises(ScheduleError, match=name):
            read_prompts(tmp_path / name)


def test_our_own_prompts_are_all_different() -> None:
    prompts = read_prompts(SAMPLE)
    assert len(prompts) >= 60
    assert len(set(prompts)) == len(prompts)
