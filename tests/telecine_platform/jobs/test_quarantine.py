"""A job that ends its workers is stopped, its traces are kept, and an operator may requeue it."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import IllegalTransition, NotFound
from telecine_platform.jobs.quarantine import QuarantinedJobs
from telecine_platform.jobs.reaper import SWEEP_AFTER_S, return_expired, sweep
from telecine_platform.jobs.retry import RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import JobState, Stage
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import quarantine_key, result_key
from tests.records import at, spec, verdict

POLICY = RetryPolicy(max_attempts=9, delay_s=1, max_deaths=3)


def lose_a_worker(jobs: JobStore, stage: Stage, second: float) -> None:
    assert jobs.claim(stage, "w", 10, at(second)) is not None
    assert return_expired(jobs, POLICY, at(second + 11)) == 1


def quarantine(jobs: JobStore) -> None:
    """One death in screening, two in generation."""
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    lose_a_worker(jobs, Stage.SCREENING, 0)
    job = jobs.claim(Stage.SCREENING, "w", 10, at(50))
    assert job is not None
    jobs.hand_over(job, verdict(), at(51))
    lose_a_worker(jobs, Stage.GENERATION, 60)
    assert jobs.get("video_1", "acme").state is JobState.QUEUED
    lose_a_worker(jobs, Stage.GENERATION, 100)


def test_deaths_count_over_all_stages(jobs: JobStore) -> None:
    quarantine(jobs)
    stopped = jobs.get("video_1", "acme")
    assert stopped.state is JobState.FAILED
    assert stopped.error is not None
    assert (stopped.error.code, stopped.num_deaths) == ("quarantined", 3)
    assert "3 workers" in stopped.error.message
    reasons = [row.reason for row in jobs.history("video_1")]
    assert reasons.count("worker_lost") == 2
    assert reasons[-1] == "quarantined"


def test_what_it_left_behind_is_kept(jobs: JobStore, tmp_path: Path) -> None:
    blobs = LocalStore(tmp_path / "blobs")
    (tmp_path / "source").write_bytes(b"frames")
    kept = [quarantine_key("video_1", 3, "draft.mkv"), "checkpoints/video_1/4"]
    for key in (*kept, result_key("video_1", 3, "clip.mp4")):
        blobs.create(key, tmp_path / "source", "video/mp4")
    quarantine(jobs)
    assert sweep(jobs, blobs, at(200 + SWEEP_AFTER_S)) == 1
    assert blobs.keys("quarantine/video_1") + blobs.keys("checkpoints/video_1") == kept


def test_requeued_job_starts_with_a_clean_sheet(jobs: JobStore) -> None:
    quarantine(jobs)
    stopped = QuarantinedJobs(jobs.database)
    listed, has_more = stopped.list_quarantined(limit=10)
    assert ([job.id for job in listed], has_more) == (["video_1"], False)
    job = stopped.requeue("video_1", who="operator", now=at(300))
    assert (job.stage, job.state, job.error) == (Stage.GENERATION, JobState.QUEUED, None)
    assert stopped.list_quarantined(limit=10) == ([], False)
    claimed = jobs.claim(Stage.GENERATION, "w", 10, at(301))
    assert claimed is not None
    assert (claimed.attempt, claimed.num_deaths, claimed.finished_at) == (1, 0, None)
    assert jobs.history("video_1")[-2].reason == "requeued operator"


def test_only_quarantined_jobs_are_requeued(jobs: JobStore) -> None:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    stopped = QuarantinedJobs(jobs.database)
    with pytest.raises(IllegalTransition, match="not quarantined"):
        stopped.requeue("video_1", who="operator", now=at(1))
    with pytest.raises(NotFound):
        stopped.requeue("video_2", who="operator", now=at(1))
