"""Pictures whose job never came to be go after a day; all others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.ids import new_job_id
from telecine_platform.jobs.orphans import LOOK_EVERY_S, ORPHANED_AFTER_S, delete_orphans
from telecine_platform.jobs.reaper import reap
from telecine_platform.jobs.retry import RetryPolicy
from telecine_platform.jobs.store import JobStore
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import INPUTS, input_key, result_key
from tests.records import at, spec

_NAMES = ("first_frame.png", "last_frame.png")


@pytest.fixture
def blobs(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blobs")


def put_pictures(blobs: LocalStore, tmp_path: Path, job_id: str) -> list[str]:
    source = tmp_path / "picture"
    source.write_bytes(b"pixels")
    keys = [input_key(job_id, name) for name in _NAMES]
    for key in keys:
        blobs.create(key, source, "image/png")
    return keys


def test_pictures_without_a_job_go_after_a_day(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path
) -> None:
    orphan, with_job = new_job_id(at(0)), new_job_id(at(0))
    put_pictures(blobs, tmp_path, orphan)
    kept = put_pictures(blobs, tmp_path, with_job)
    jobs.submit(job_id=with_job, tenant_id="acme", spec=spec(), traceparent="", now=at(0))

    assert delete_orphans(jobs.database, blobs, at(ORPHANED_AFTER_S - 1)) == 0
    assert delete_orphans(jobs.database, blobs, at(ORPHANED_AFTER_S + 1)) == len(_NAMES)

    assert blobs.keys(INPUTS) == sorted(kept)


def test_many_pictures_are_asked_after_in_batches(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("telecine_platform.jobs.orphans._BATCH", 2)
    for _ in range(5):
        put_pictures(blobs, tmp_path, new_job_id(at(0)))

    assert delete_orphans(jobs.database, blobs, at(ORPHANED_AFTER_S + 1)) == 5 * len(_NAMES)


def test_what_is_no_jobs_picture_is_left_alone(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path
) -> None:
    keys = put_pictures(blobs, tmp_path, "somebody-elses")
    result = result_key(new_job_id(at(0)), 1, "clip.mp4")
    blobs.create(result, tmp_path / "picture", "video/mp4")

    assert delete_orphans(jobs.database, blobs, at(10 * ORPHANED_AFTER_S)) == 0
    assert blobs.keys(INPUTS) == sorted(keys)
    assert blobs.keys("results") == [result]


def test_reaper_looks_for_them_now_and_then(
    jobs: JobStore, blobs: LocalStore, tmp_path: Path
) -> None:
    policy = RetryPolicy(max_attempts=2, delay_s=1)
    put_pictures(blobs, tmp_path, new_job_id(at(0)))
    reap(jobs, blobs, policy, Settings(), at(ORPHANED_AFTER_S - 1))
    assert len(blobs.keys(INPUTS)) == len(_NAMES)

    reap(jobs, blobs, policy, Settings(), at(ORPHANED_AFTER_S + 1))
    assert len(blobs.keys(INPUTS)) == len(_NAMES)  # it has just looked
    reap(jobs, blobs, policy, Settings(), at(ORPHANED_AFTER_S + LOOK_EVERY_S))
    assert blobs.keys(INPUTS) == []
