"""Lost jobs come back, left-over blobs go, evidence and released clips stay."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telecine_platform.errors import NotFound
from telecine_platform.jobs.due import unswept_jobs
from telecine_platform.jobs.reaper import (
    SWEEP_AFTER_S,
    expire,
    refuse_forgotten,
    return_expired,
    sweep,
)
from telecine_platform.jobs.retry import RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.turns import take_turn
from telecine_platform.records import ClipKeys, Job, JobState, Stage
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import quarantine_key, result_key
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict

POLICY = RetryPolicy(max_attempts=2, delay_s=1)


@pytest.fixture
def blobs(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blobs")


def running_job(jobs: JobStore) -> Job:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    job = jobs.claim(Stage.SCREENING, "w", 10, at(0))
    assert job is not None
    return job


def put(blobs: LocalStore, tmp_path: Path, *keys: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"frames")
    for key in keys:
        blobs.create(key, source, "video/mp4")


def test_job_of_a_silent_worker_is_queued_again_then_failed(jobs: JobStore) -> None:
    running_job(jobs)
    assert return_expired(jobs, POLICY, at(9)) == 0
    assert return_expired(jobs, POLICY, at(11)) == 1
    assert jobs.get("video_1", "acme").state is JobState.QUEUED
    assert jobs.claim(Stage.SCREENING, "w", 10, at(20)) is not None
    assert return_expired(jobs, POLICY, at(31)) == 1
    failed = jobs.get("video_1", "acme")
    assert failed.state is JobState.FAILED
    assert failed.error is not None
    assert failed.error.code == "worker_lost"


def test_sweep_keeps_the_released_clip_only(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path
) -> None:
    job = running_job(jobs)
    jobs.hand_over(job, verdict(), at(1))
    job = jobs.claim(Stage.GENERATION, "w", 10, at(2)) or job
    jobs.hand_over(job, None, at(3), "draft")
    job = jobs.claim(Stage.MODERATION, "w", 10, at(4)) or job
    won = [result_key("video_1", 3, name) for name in ("clip.mp4", "t.webp", "s.jpg")]
    lost = [result_key("video_1", 2, "clip.mp4"), quarantine_key("video_1", 2, "draft.mkv")]
    put(blobs, tmp_path, *won, *lost, result_key("video_10", 1, "clip.mp4"))
    clip = ClipKeys(video=won[0], thumbnail=won[1], spritesheet=won[2])
    jobs.complete(job, clip, verdict(), at(5))
    assert sweep(jobs, blobs, at(6)) == 0  # a cut-off worker may still be writing
    assert sweep(jobs, blobs, at(6 + SWEEP_AFTER_S)) == 2
    assert blobs.keys("results/video_1") == sorted(won)
    assert blobs.keys("results/video_10") == [result_key("video_10", 1, "clip.mp4")]
    assert unswept_jobs(jobs.database, at(999)) == []


def test_sweep_keeps_a_blocked_jobs_evidence(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path
) -> None:
    draft = quarantine_key("video_1", 1, "draft.mkv")
    put(blobs, tmp_path, draft, result_key("video_1", 1, "clip.mp4"))
    jobs.block(running_job(jobs), verdict(Action.BLOCK), at(1))
    sweep(jobs, blobs, at(2 + SWEEP_AFTER_S))
    assert (blobs.keys("quarantine/video_1"), blobs.keys("results/video_1")) == ([draft], [])


def test_sweep_empties_a_deleted_job(jobs: JobStore, blobs: LocalStore, tmp_path: Path) -> None:
    running_job(jobs)
    put(blobs, tmp_path, quarantine_key("video_1", 1, "d"), result_key("video_1", 1, "c"))
    jobs.delete("video_1", "acme", at(1))
    assert sweep(jobs, blobs, at(2 + SWEEP_AFTER_S)) == 2


def test_finished_job_expires_like_a_deleted_one(jobs: JobStore) -> None:
    jobs.block(running_job(jobs), verdict(Action.BLOCK), at(1))
    assert expire(jobs, 100, at(100)) == 0
    assert expire(jobs, 100, at(102)) == 1
    with pytest.raises(NotFound):
        jobs.get("video_1", "acme")
    assert expire(jobs, 100, at(999)) == 0


def test_held_job_that_nobody_reviews_is_refused(jobs: JobStore) -> None:
    jobs.hold(running_job(jobs), verdict(Action.REVIEW), at(1))
    assert refuse_forgotten(jobs, 100, at(100)) == 0
    assert refuse_forgotten(jobs, 100, at(102)) == 1
    refused = jobs.get("video_1", "acme")
    assert refused.state is JobState.BLOCKED
    assert refused.error is not None
    assert refused.error.code == "review_expired"
    assert jobs.claim(Stage.GENERATION, "w", 10, at(103)) is None
    assert refuse_forgotten(jobs, 100, at(999)) == 0


def test_one_process_at_a_time_has_the_turn(jobs: JobStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        turns = pool.map(lambda _: take_turn(jobs.database, "reaper", 5, at(0)), range(4))
    assert sorted(turns) == [False, False, False, True]
    assert not take_turn(jobs.database, "reaper", 5, at(4))
    assert take_turn(jobs.database, "other", 5, at(4))
    assert take_turn(jobs.database, "reaper", 5, at(5))
