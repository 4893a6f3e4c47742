"""A copy of a released clip leads back to its job, on either database."""

from __future__ import annotations

import numpy as np
import pytest

from telecine_platform.clips.fingerprints import ReleasedFingerprints
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import ClipKeys, Job, Stage
from telecine_safeguards.output.copies import QueryHashes
from telecine_safeguards.output.fingerprint import fingerprint_from_sample, query_from_sample
from telecine_safeguards.output.pdq import Words, bytes_from_words, words_from_bytes
from telecine_safeguards.output.sample import sample_clip
from tests.records import at, provenance, spec, verdict
from tests.telecine_safeguards.pictures import picture

CLIP = ClipKeys(video="results/a", thumbnail="results/b", spritesheet="results/c")


def frames(seed: int) -> np.ndarray:
    return np.stack([picture("waves", 64, 96, seed * 10 + number) for number in range(3)])


def words_of(frames_THWC: np.ndarray) -> Words:
    return fingerprint_from_sample(sample_clip(frames_THWC, 8))


def query_of(frames_THWC: np.ndarray) -> QueryHashes:
    return query_from_sample(sample_clip(frames_THWC, 8))


def moderated(jobs: JobStore, number: int) -> Job:
    """A job in its moderation, under a worker."""
    jobs.submit(
        job_id=f"video_{number}", tenant_id="acme", spec=spec(), traceparent="", now=at(number)
    )
    for stage in (Stage.SCREENING, Stage.GENERATION):
        job = jobs.claim(stage, "w", 15, at(number))
        assert job is not None
        jobs.hand_over(job, verdict(), at(number))
    job = jobs.claim(Stage.MODERATION, "w", 15, at(number))
    assert job is not None
    return job


@pytest.fixture
def fingerprints(jobs: JobStore) -> ReleasedFingerprints:
    for number in range(3):
        job = moderated(jobs, number)
        if number < 2:
            kept = provenance(mark_id=number, fingerprint=words_of(frames(number)))
            jobs.complete(job, CLIP, verdict(), at(number), kept)
    return ReleasedFingerprints(jobs.database)


@pytest.mark.parametrize(
    "copy",
    [frames(1), frames(1)[:, :, ::-1], frames(1)[:, 4:-4, 4:-4]],
    ids=["same", "mirrored", "cropped"],
)
def test_copy_finds_its_job(fingerprints: ReleasedFingerprints, copy: np.ndarray) -> None:
    assert list(fingerprints.find(query_of(copy))) == ["video_1"]


def test_other_pictures_find_nothing(fingerprints: ReleasedFingerprints) -> None:
    assert fingerprints.find(query_of(frames(7))) == {}
    assert fingerprints.find(query_of(np.zeros((3, 64, 64, 3), np.uint8))) == {}


def test_clip_that_was_never_released_or_is_deleted_is_not_found(
    jobs: JobStore, fingerprints: ReleasedFingerprints
) -> None:
    jobs.delete("video_0", "acme", at(9))
    everything = query_of(np.concatenate([frames(number) for number in range(3)]))
    assert fingerprints.find(everything) == {"video_1": 0}


def test_search_can_begin_at_a_moment(fingerprints: ReleasedFingerprints) -> None:
    assert fingerprints.find(query_of(frames(0)), since=at(0)) == {"video_0": 0}
    assert fingerprints.find(query_of(frames(0)), since=at(1)) == {}


def test_flat_frames_have_no_fingerprint() -> None:
    assert len(words_of(np.zeros((3, 64, 64, 3), np.uint8))) == 0


def test_words_are_the_same_after_storing() -> None:
    words = words_of(frames(3))
    assert np.array_equal(words_from_bytes(bytes_from_words(words)), words)
