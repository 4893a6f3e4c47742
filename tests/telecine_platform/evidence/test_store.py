"""Evidence is kept for its time, then goes, with the draft of a blocked job."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import NotFound
from telecine_platform.evidence.store import EvidenceStore
from telecine_platform.jobs.reaper import SWEEP_AFTER_S, sweep
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, Stage
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import input_key, quarantine_key
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict

TTL_S = 1_000.0


@pytest.fixture
def blobs(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "blobs")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"{}")
    return path


def _moderated(jobs: JobStore, blobs: LocalStore, file: Path) -> Job:
    """A job in its moderation, with a draft, whose evidence is kept."""
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    draft = quarantine_key("video_1", 2, "draft.mkv")
    blobs.create(draft, file, "video/x-matroska")
    for stage, key in ((Stage.SCREENING, None), (Stage.GENERATION, draft)):
        job = jobs.claim(stage, "w", 15, at(1))
        assert job is not None
        jobs.hand_over(job, verdict() if key is None else None, at(1), key)
    job = jobs.claim(Stage.MODERATION, "w", 15, at(2))
    assert job is not None
    EvidenceStore(jobs.database, blobs).keep(job, file, {"frame-0.jpg": file}, at(3))
    return job


def test_evidence_of_a_blocked_job_is_kept_and_then_forgotten_with_its_draft(
    jobs: JobStore, blobs: LocalStore, file: Path
) -> None:
    evidence = EvidenceStore(jobs.database, blobs)
    job = _moderated(jobs, blobs, file)
    jobs.block(job, verdict(Action.BLOCK), at(4))
    swept_at = 4 + SWEEP_AFTER_S + 1
    sweep(jobs, blobs, at(swept_at))
    blobs.create(input_key("video_1", "first.png"), file, "image/png")

    assert evidence.forget(TTL_S, at(swept_at + TTL_S - 1)) == 0
    assert evidence.sheets("video_1", who="support", now=at(10)) == [b"{}"]
    assert len(blobs.keys("quarantine/video_1")) == 1

    assert evidence.forget(TTL_S, at(swept_at + TTL_S + 1)) == 1
    for prefix in ("evidence", "quarantine/video_1", "inputs/video_1"):
        assert blobs.keys(prefix) == []
    assert evidence.sheets("video_1", who="support", now=at(10)) == []
    assert evidence.forget(TTL_S, at(10 * TTL_S)) == 0


def test_draft_of_a_job_that_was_blocked_without_evidence_is_forgotten_too(
    jobs: JobStore, blobs: LocalStore, file: Path
) -> None:
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    job = jobs.claim(Stage.SCREENING, "w", 15, at(1))
    assert job is not None
    blobs.create(input_key("video_1", "first.png"), file, "image/png")
    jobs.block(job, verdict(Action.BLOCK), at(2))
    sweep(jobs, blobs, at(2 + SWEEP_AFTER_S + 1))

    assert EvidenceStore(jobs.database, blobs).forget(TTL_S, at(10 * TTL_S)) == 1
    assert blobs.keys("inputs/video_1") == []


def test_evidence_of_a_job_that_still_waits_for_a_person_stays(
    jobs: JobStore, blobs: LocalStore, file: Path
) -> None:
    jobs.hold(_moderated(jobs, blobs, file), verdict(Action.REVIEW), at(4))

    assert EvidenceStore(jobs.database, blobs).forget(TTL_S, at(10 * TTL_S)) == 0
    assert len(blobs.keys("evidence")) == 2


def test_frame_that_is_not_kept_is_not_found(jobs: JobStore, blobs: LocalStore, file: Path) -> None:
    job = _moderated(jobs, blobs, file)
    evidence = EvidenceStore(jobs.database, blobs)

    assert evidence.file(job.id, job.epoch, "frame-0.jpg", who="support", now=at(5)) == b"{}"
    with pytest.raises(NotFound):
        evidence.file(job.id, job.epoch, "frame-1.jpg", who="support", now=at(5))
