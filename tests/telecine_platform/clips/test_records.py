"""The generation record is there exactly when the clip is released, on either database."""

from __future__ import annotations

import pytest

from telecine_platform.clips.records import ReleasedClips, new_mark_id
from telecine_platform.errors import LeaseLost
from telecine_platform.jobs.store import JobStore
from tests.records import at, provenance, verdict
from tests.telecine_platform.clips.test_fingerprints import CLIP, moderated


def test_record_is_found_by_mark_and_by_job(jobs: JobStore) -> None:
    job = moderated(jobs, 1)
    kept = provenance(mark_id=2**40 - 1, grants=("grant_1",))
    jobs.complete(job, CLIP, verdict(), at(2), kept)
    clips = ReleasedClips(jobs.database)
    found = clips.by_mark(2**40 - 1)
    assert found is not None
    assert found == clips.by_job("video_1")
    assert (found.tenant_id, found.model, found.grants) == ("acme", "embedded", ("grant_1",))
    assert clips.by_mark(5) is None


def test_record_outlives_the_jobs_texts(jobs: JobStore) -> None:
    jobs.complete(moderated(jobs, 1), CLIP, verdict(), at(2), provenance())
    jobs.delete("video_1", "acme", at(3))
    found = ReleasedClips(jobs.database).by_mark(1)
    assert found is not None
    assert found.is_deleted


def test_worker_that_lost_the_job_writes_no_record(jobs: JobStore) -> None:
    job = moderated(jobs, 1)
    jobs.cancel("video_1", "acme", at(2))
    with pytest.raises(LeaseLost):
        jobs.complete(job, CLIP, verdict(), at(3), provenance())
    assert ReleasedClips(jobs.database).by_mark(1) is None


def test_mark_ids_are_of_40_bits() -> None:
    assert all(0 <= new_mark_id() < 2**40 for _ in range(100))
