from __future__ import annotations

import json
from dataclasses import replace

import pytest

from loadtests.report import (
    Ending,
    count_duplicated,
    ending_of,
    find_lost,
    is_safeguard_code,
    make_report,
    stage_times,
)
from loadtests.results import JobResult, JobStatus, RunRecord, ServerJob, StageTotals
from loadtests.show import json_from_report, text_from_report
from tests.loadtests.arrivals import arrival


def result(
    status: JobStatus = JobStatus.COMPLETED, job_id: str | None = "video_1", code: str = ""
) -> JobResult:
    return JobResult(
        arrival=arrival(),
        sent_at_s=0.01,
        status=status,
        job_id=job_id,
        error_code=code,
        ended_at_s=2.0 if status is JobStatus.COMPLETED else None,
    )


def listed(job_id: str = "video_1", prompt: str = "a red fox", seed: int = 1) -> ServerJob:
    return ServerJob(id=job_id, prompt=prompt, seed=seed, created_at_s=0.0)


def run(results: list[JobResult], jobs: list[ServerJob]) -> RunRecord:
    return RunRecord(
        results=tuple(results), listed=tuple(jobs), stages_before={}, stages_after={}, took_s=30.0
    )


@pytest.mark.parametrize(
    ("code", "is_block"),
    [
        ("protected_character", True),
        ("protected_person", True),
        ("nudity", True),
        ("reference_match", True),
        ("check_failed", True),
        ("gang_broken", False),
        ("cancelled", False),
        ("", False),
    ],
)
def test_safeguards_are_told_from_faults_by_their_codes(code: str, is_block: bool) -> None:
    assert is_safeguard_code(code) is is_block


@pytest.mark.parametrize(
    ("seen", "ending"),
    [
        (result(), Ending.COMPLETED),
        (result(JobStatus.FAILED, code="protected_brand"), Ending.BLOCKED),
        (result(JobStatus.FAILED, code="gang_broken"), Ending.FAILED),
        (result(JobStatus.OPEN), Ending.LOST),
        (result(JobStatus.UNKNOWN), Ending.LOST),
        (result(JobStatus.REFUSED, job_id=None, code="model_not_found"), Ending.REFUSED),
        (result(JobStatus.UNANSWERED, job_id=None), Ending.UNANSWERED),
    ],
)
def test_each_submission_counts_once(seen: JobResult, ending: Ending) -> None:
    assert ending_of(seen, find_lost([seen], [listed()])) is ending


@pytest.mark.parametrize(
    ("results", "jobs", "lost"),
    [
        ([result()], [listed()], set()),
        ([result()], [], {"video_1"}),
        ([result(JobStatus.OPEN)], [listed()], {"video_1"}),
        ([result(JobStatus.UNKNOWN)], [listed()], {"video_1"}),
        ([result(JobStatus.REFUSED, job_id=None)], [], set()),
        ([result(JobStatus.UNANSWERED, job_id=None)], [], set()),
        ([result(), replace(result(), arrival=arrival(seed=2))], [listed()], {"video_1"}),
    ],
    ids=["kept", "forgotten", "never-final", "unknown", "refused", "unanswered", "one-for-two"],
)
def test_accepted_job_without_an_end_is_lost(
    results: list[JobResult], jobs: list[ServerJob], lost: set[str]
) -> None:
    assert find_lost(results, jobs) == lost


@pytest.mark.parametrize(
    ("seen", "jobs", "num_duplicated"),
    [
        (result(), [listed()], 0),
        (result(), [], 0),
        (result(), [listed(), listed("video_2")], 1),
        (result(), [listed("video_2"), listed("video_3")], 2),
        (result(), [listed(), listed("video_2", seed=2)], 0),
        (result(), [listed(), listed("video_2", prompt="a blue boat")], 0),
        (result(JobStatus.REFUSED, job_id=None), [listed()], 1),
        (result(JobStatus.UNANSWERED, job_id=None), [listed()], 0),
        (result(JobStatus.UNANSWERED, job_id=None), [listed(), listed("video_2")], 1),
    ],
)
def test_jobs_beyond_the_one_asked_for_are_duplicates(
    seen: JobResult, jobs: list[ServerJob], num_duplicated: int
) -> None:
    assert count_duplicated([seen], jobs) == num_duplicated


def test_stage_times_are_means_of_what_the_run_added() -> None:
    before = {"generation": StageTotals(num_runs=10, wait_s=5.0, work_s=50.0)}
    after = {
        "moderation": StageTotals(num_runs=0, wait_s=0.0, work_s=0.0),
        "generation": StageTotals(num_runs=14, wait_s=7.0, work_s=62.0),
        "screening": StageTotals(num_runs=5, wait_s=1.0, work_s=0.5),
    }

    times = stage_times(before, after)

    assert [(item.stage, item.num_runs) for item in times] == [("screening", 5), ("generation", 4)]
    assert [(item.mean_wait_s, item.mean_work_s) for item in times] == [(0.2, 0.1), (0.5, 3.0)]


def test_latency_runs_from_the_scheduled_arrival_not_from_the_sending() -> None:
    late = replace(result(), arrival=arrival(at_s=1.0), sent_at_s=5.0, ended_at_s=7.0)
    report = make_report(run([late], [listed()]))
    assert report.end_to_end_s is not None
    assert report.end_to_end_s.p50 == 6.0
    assert report.max_send_lag_s == 4.0


def test_percentiles_are_measured_values() -> None:
    results = [
        replace(result(job_id=f"video_{n}"), arrival=arrival(seed=n), ended_at_s=float(n))
        for n in range(1, 101)
    ]
    spread = make_report(
        run(results, [listed(f"video_{n}", seed=n) for n in range(1, 101)])
    ).end_to_end_s
    assert spread is not None
    assert (spread.p50, spread.p90, spread.p99, spread.max) == (50.0, 90.0, 99.0, 100.0)


def test_only_completed_jobs_have_a_latency() -> None:
    blocked = replace(result(JobStatus.FAILED, code="nudity"), ended_at_s=0.5)
    report = make_report(run([blocked], [listed()]))
    assert report.blocked == {"nudity": 1}
    assert report.end_to_end_s is None


@pytest.mark.parametrize(
    ("jobs", "is_clean"),
    [([listed()], True), ([], False), ([listed(), listed("video_2")], False)],
)
def test_run_is_clean_when_nothing_is_lost_or_made_twice(
    jobs: list[ServerJob], is_clean: bool
) -> None:
    report = make_report(run([result()], jobs))
    assert report.is_clean is is_clean
    assert json.loads(json_from_report(report))["is_clean"] is is_clean


def test_text_names_the_codes_and_the_lost_ids() -> None:
    failed = replace(
        result(JobStatus.FAILED, "video_2", code="gang_broken"), arrival=arrival(seed=2)
    )
    text = text_from_report(make_report(run([result(), failed], [listed("video_2", seed=2)])))
    assert "gang_broken 1" in text
    assert "lost                 1  video_1" in text
    assert "no stage figures" in text
