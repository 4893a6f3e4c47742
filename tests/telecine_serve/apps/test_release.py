"""From the draft to the published file in S3 and back, with moderation's real parts.

One clip is released in the fixture; the tests look at what came of it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from telecine_platform.clips.keys import trusted_roots
from telecine_platform.clips.lookup import FoundBy, LookedUp, ProvenanceLookup
from telecine_platform.clock import utc_now
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore
from telecine_safeguards.errors import ProvenanceError
from telecine_safeguards.provenance.manifest import read_manifest
from telecine_serve.apps.moderation import ModerationWorker
from telecine_serve.media.frames import write_lossless
from telecine_serve.stage import Release
from tests.records import spec, verdict
from tests.s3_server import s3_server
from tests.telecine_safeguards.provenance.files import decoded, encoded_again, remuxed
from tests.telecine_safeguards.provenance.pictures import textured_clip
from tests.telecine_serve.apps import key_service


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    settings: Settings
    jobs: JobStore
    file: Path

    def look_up(self, file: Path) -> LookedUp:
        return ProvenanceLookup(self.settings, self.jobs.database).look_up(file)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("release")
    with s3_server() as server, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in server.environ().items():
            patch.setenv(name, value)
        settings = Settings(data_dir=folder, screening_model="none", poll_s=0.01)
        blobs = open_store(f"s3://{server.bucket}/clips", server.endpoint_url)
        jobs = JobStore(settings.resolved_database_url)
        jobs.create_tables()
        _release(settings, jobs, blobs, folder)
        key = jobs.get("video_1", "acme").clip
        assert key is not None
        blobs.download(key.video, folder / "published.mp4")
        yield Released(settings=settings, jobs=jobs, file=folder / "published.mp4")
        jobs.close()


def test_published_file_has_a_valid_trusted_manifest(released: Released) -> None:
    manifest = read_manifest(released.file, trusted_roots(released.settings))
    assert manifest is not None
    assert (manifest.is_valid, manifest.is_trusted) == (True, True)
    found = released.look_up(released.file)
    assert (found.found_by, _job_id(found)) == (FoundBy.MANIFEST, "video_1")
    assert found.clip is not None
    assert found.clip.mark_id == manifest.mark_id


def test_remux_loses_the_manifest_and_the_mark_finds_the_record(
    released: Released, tmp_path: Path
) -> None:
    copy = remuxed(released.file, tmp_path / "copy.mp4")
    assert read_manifest(copy) is None
    found = released.look_up(copy)
    assert (found.found_by, _job_id(found)) == (FoundBy.MARK, "video_1")
    assert found.looks_alike is True


def test_mark_that_was_copied_onto_another_clip_is_found_out(
    released: Released, tmp_path: Path
) -> None:
    added = decoded(released.file).astype(float) - textured_clip(num_frames=6)
    other = np.clip(textured_clip(77, num_frames=6) + added.mean(axis=0), 0, 255).astype(np.uint8)
    found = released.look_up(encoded_again(other, tmp_path / "forged.mp4", crf=18))
    assert (found.found_by, _job_id(found)) == (FoundBy.MARK, "video_1")
    assert found.looks_alike is False


def test_encoded_again_and_cut_the_mark_finds_the_record(
    released: Released, tmp_path: Path
) -> None:
    frames_THWC = decoded(released.file)[:, 8:-8, 12:-20]
    found = released.look_up(encoded_again(frames_THWC, tmp_path / "copy.mp4", crf=26))
    assert (found.found_by, _job_id(found)) == (FoundBy.MARK, "video_1")


def test_tampered_manifest_is_not_believed(released: Released, tmp_path: Path) -> None:
    content = bytearray(released.file.read_bytes())
    content[-300] ^= 1
    copy = tmp_path / "tampered.mp4"
    copy.write_bytes(content)
    found = released.look_up(copy)
    assert found.manifest is not None
    assert not found.manifest.is_valid
    assert found.found_by is not FoundBy.MANIFEST


def test_likeness_finds_the_record_where_the_mark_is_gone(
    released: Released, tmp_path: Path
) -> None:
    draft = textured_clip(num_frames=6)  # what the clip was before it was marked
    found = released.look_up(encoded_again(draft, tmp_path / "unmarked.mp4"))
    assert (found.found_by, _job_id(found)) == (FoundBy.FINGERPRINT, "video_1")


def test_another_clip_is_not_found(released: Released, tmp_path: Path) -> None:
    other = encoded_again(textured_clip(77, num_frames=3), tmp_path / "other.mp4")
    assert released.look_up(other).found_by is None


def test_a_key_service_that_is_away_leaves_the_clip_unreleased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chain.pem").write_bytes(key_service.CERTIFICATES.chain_pem)
    settings = Settings(
        data_dir=tmp_path,
        screening_model="none",
        signing_certificates_file=tmp_path / "chain.pem",
        signing_service="tests.telecine_serve.apps.key_service:sign",
    )
    jobs, blobs = JobStore(settings.resolved_database_url), LocalStore(tmp_path / "blobs")
    jobs.create_tables()
    worker = _worker_with_job(settings, jobs, blobs, tmp_path)
    job = jobs.claim(Stage.MODERATION, "w", 60, utc_now())
    assert job is not None

    monkeypatch.setattr(key_service, "is_away", True)
    with (
        Lease(jobs, job, settings, utc_now) as lease,
        pytest.raises(ProvenanceError, match="could not be signed"),
    ):
        worker.work(job, lease)
    worker.close()
    assert jobs.get("video_1", "acme").state is JobState.RUNNING
    assert [file.name for file in (tmp_path / "blobs").rglob("*.m??")] == ["draft.mkv"]
    jobs.close()


def _release(settings: Settings, jobs: JobStore, blobs: BlobStore, folder: Path) -> None:
    worker = _worker_with_job(settings, jobs, blobs, folder)
    job = jobs.claim(Stage.MODERATION, "w", 60, utc_now())
    assert job is not None
    with Lease(jobs, job, settings, utc_now) as lease:
        outcome = worker.work(job, lease)
    worker.close()
    assert isinstance(outcome, Release), outcome
    jobs.complete(job, outcome.clip, outcome.verdict, utc_now(), outcome.provenance)


def _worker_with_job(
    settings: Settings, jobs: JobStore, blobs: BlobStore, folder: Path
) -> ModerationWorker:
    draft = folder / "draft.mkv"
    write_lossless(draft, textured_clip(num_frames=6), 8)
    blobs.create("quarantine/video_1/2/draft.mkv", draft, "video/x-matroska")
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now())
    for stage, key in (
        (Stage.SCREENING, None),
        (Stage.GENERATION, "quarantine/video_1/2/draft.mkv"),
    ):
        job = jobs.claim(stage, "w", 60, utc_now())
        assert job is not None
        jobs.hand_over(job, verdict(), utc_now(), key)
    return ModerationWorker(settings, jobs.database, blobs)


def _job_id(found: LookedUp) -> str | None:
    return None if found.clip is None else found.clip.job_id


def test_marked_frames_are_what_was_published(released: Released) -> None:
    difference = decoded(released.file).astype(float) - textured_clip(num_frames=6)
    assert 10 * np.log10(255**2 / np.mean(np.square(difference))) > 30
