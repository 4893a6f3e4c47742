"""The moderation stage with its real loop, store, storage and check processes: it fails closed."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from telecine_platform.clock import utc_now
from telecine_platform.evidence.store import EvidenceStore
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore
from telecine_serve.apps.moderation import ModerationWorker
from telecine_serve.media.frames import LOSSLESS_CONTENT_TYPE, read_frames, write_lossless
from telecine_serve.stage import StageLoop
from tests.records import at, spec, verdict
from tests.telecine_safeguards.pictures import picture

REGISTRY = """
version: small
entities: [{id: robo, kind: character, name: Robo, rights_holder: Robo Ltd}]
"""
DRAFT = "quarantine/video_1/2/draft.mkv"
SETTLED_WITHIN_S = 120.0
MASKS = """
version: masks
rules: [{name: all, action: block, reason_code: blocked}]
output_rules:
  - {name: nudity, action: block, reason_code: nudity, checks: [nudity, nudity-doubt]}
  - {name: logo-covered, action: mask, reason_code: logo, checks: [plugin]}
"""

pytestmark = pytest.mark.slow


@dataclass(kw_only=True)
class Bench:
    """One moderation stage in this process, and a job with a draft in its queue."""

    jobs: JobStore
    blobs: BlobStore
    worker: ModerationWorker
    loop: StageLoop

    def run(self) -> Job:
        """Run the stage until the job is finished or held."""
        thread = threading.Thread(target=self.loop.run)
        thread.start()
        try:
            deadline = time.monotonic() + SETTLED_WITHIN_S
            while time.monotonic() < deadline:
                job = self.jobs.get("video_1", "acme")
                if job.state.is_final or job.state is JobState.HELD:
                    return job
                if job.clip is None:
                    time.sleep(0.05)
            raise AssertionError(f"the job is still {job.state}")
        finally:
            self.loop.stop()
            thread.join()

    def reasons(self) -> list[str]:
        return [row.reason for row in self.jobs.history("video_1")]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    file = tmp_path / "words"
    file.write_text("")
    return file


@pytest.fixture
def bench(tmp_path: Path, words: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    policy_file = tmp_path / "policy.yaml" if hasattr(request, "param") else None
    if policy_file is not None:
        policy_file.write_text(request.param)
    (tmp_path / "registry.yaml").write_text(REGISTRY)
    switch = Path(__file__).with_name("switch.py")
    settings = Settings(
        data_dir=tmp_path,
        registry_file=tmp_path / "registry.yaml",
        policy_file=policy_file,
        moderation_checks="nudity",
        moderation_plugins=f"switch={sys.executable} {switch} {words}",
        check_timeout_s=10,
        check_start_s=20,
        retry_delay_s=0.1,
        poll_s=0.05,
        lease_s=60,
    )
    jobs = JobStore(settings.resolved_database_url)
    jobs.create_tables()
    blobs = open_store(settings.resolved_storage_url, None)
    _queue(jobs, blobs, tmp_path)
    worker = ModerationWorker(settings, jobs.database, blobs)
    try:
        loop = StageLoop(Stage.MODERATION, worker, jobs, blobs, settings)
        yield Bench(jobs=jobs, blobs=blobs, worker=worker, loop=loop)
    finally:
        worker.close()
        jobs.close()


def _queue(jobs: JobStore, blobs: BlobStore, folder: Path) -> None:
    """Bring a job with a harmless draft before moderation."""
    frames = np.stack([picture("waves", 64, 64, seed) for seed in range(3)])
    write_lossless(folder / "draft.mkv", frames, 8)
    blobs.create(DRAFT, folder / "draft.mkv", LOSSLESS_CONTENT_TYPE)
    jobs.submit(job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=at(0))
    for stage, draft in ((Stage.SCREENING, None), (Stage.GENERATION, DRAFT)):
        job = jobs.claim(stage, "w", 15, at(1))
        assert job is not None
        jobs.hand_over(job, verdict() if draft is None else None, at(1), draft)


@pytest.mark.parametrize("faults", ["", "raise kill", "hang"])
def test_clip_is_released_only_by_the_attempt_in_which_every_check_answered(
    bench: Bench, words: Path, faults: str
) -> None:
    words.write_text(faults)

    job = bench.run()

    num_failed = len(faults.split())
    assert job.state is JobState.COMPLETED
    assert bench.reasons().count("check_failed") == num_failed
    assert job.verdicts[-1].reason_code == "allowed"
    assert job.clip is not None
    assert f"/{job.epoch}/" in job.clip.video
    assert len(bench.blobs.keys("results/video_1")) == len(job.clip.keys)


def test_clip_whose_check_never_answers_is_held_for_a_person_and_nothing_is_published(
    bench: Bench, words: Path
) -> None:
    words.write_text("kill raise kill raise")

    job = bench.run()

    assert (job.state, job.clip) == (JobState.HELD, None)
    assert job.verdicts[-1].reason_code == "check_failed"
    assert "'switch'" in job.verdicts[-1].message
    assert bench.blobs.keys("results/video_1") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_models_that_are_killed_or_stand_still_delay_the_clip_and_do_not_release_it(
    bench: Bench, number: signal.Signals
) -> None:
    own = bench.worker.looks.processes[0]
    assert own.pid is not None
    os.kill(own.pid, number)

    job = bench.run()

    assert job.state is JobState.COMPLETED
    assert bench.reasons().count("check_failed") == 1


def test_clip_that_is_held_leaves_evidence_for_its_reviewer(bench: Bench, words: Path) -> None:
    words.write_text("see")

    job = bench.run()

    assert (job.state, job.clip) == (JobState.HELD, None)
    evidence = EvidenceStore(bench.jobs.database, bench.blobs)
    (sheet,) = (json.loads(each) for each in evidence.sheets(job.id, who="support", now=utc_now()))
    assert (sheet["epoch"], sheet["action"]) == (job.epoch, "review")
    assert sheet["frames"] == ["frame-0.jpg", "frame-1.jpg", "frame-2.jpg"]
    assert [each["box"] for each in sheet["shown"]] == [[16, 16, 40, 40]] * 3
    frame = evidence.file(job.id, job.epoch, "frame-1.jpg", who="support", now=utc_now())
    assert Image.open(io.BytesIO(frame)).size == (64, 64)
    assert b"a red circle" not in json.dumps(sheet).encode()


@pytest.mark.parametrize("bench", [MASKS], indirect=True)
def test_covered_clip_is_looked_at_again_and_released_without_what_was_seen(
    bench: Bench, words: Path, tmp_path: Path
) -> None:
    words.write_text("see")

    job = bench.run()

    assert job.state is JobState.COMPLETED
    assert (job.verdicts[-1].reason_code, job.verdicts[-1].rule) == ("masked", "logo-covered")
    assert job.clip is not None
    bench.blobs.download(job.clip.video, tmp_path / "clip.mp4")
    bench.blobs.download(DRAFT, tmp_path / "draft.mkv")
    draft_THWC, _ = read_frames(tmp_path / "draft.mkv")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        clip_THWC = np.stack(
            [each.to_ndarray(format="rgb24") for each in container.decode(video=0)]
        )
    differs = np.abs(clip_THWC.astype(int) - draft_THWC).mean(axis=(0, 3))
    inside, outside = differs[18:38, 18:38].mean(), differs[50:].mean()
    assert inside > 2 * outside, (inside, outside)


@pytest.mark.parametrize("bench", [MASKS], indirect=True)
def test_clip_that_cannot_be_covered_is_blocked(bench: Bench, words: Path) -> None:
    words.write_text("see see see")

    job = bench.run()

    assert (job.state, job.clip) == (JobState.BLOCKED, None)
    assert bench.blobs.keys("results/video_1") == []
