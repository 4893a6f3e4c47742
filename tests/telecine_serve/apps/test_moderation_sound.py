"""A draft with a sound track before the real moderation stage: heard, held or released with it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from telecine_platform.clock import utc_now
from telecine_platform.evidence.store import EvidenceStore
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore
from telecine_serve.apps.moderation import ModerationWorker
from telecine_serve.media.frames import LOSSLESS_CONTENT_TYPE, read_frames, write_lossless
from telecine_serve.stage import Hold, Outcome, Release
from tests.databases import open_jobs
from tests.records import spec, verdict
from tests.telecine_safeguards.pictures import picture
from tests.telecine_safeguards.test_sound import LISTENER
from tests.telecine_safeguards.tones import pitch_hz, tone, write_sound

DRAFT = "quarantine/video_1/2/draft.mkv"


@dataclass(kw_only=True)
class Bench:
    jobs: JobStore
    blobs: BlobStore
    folder: Path

    def moderate(self, pitch: float, listener: str | None) -> Outcome:
        """Of a clip with that tone."""
        plugin = "" if listener is None else f"voice={sys.executable} {self._program(listener)}"
        settings = Settings(
            data_dir=self.folder,
            screening_model="none",
            moderation_checks="",
            sound_plugins=plugin,
            check_timeout_s=10,
        )
        self._queue(pitch)
        worker = ModerationWorker(settings, self.jobs.database, self.blobs)
        job = self.jobs.claim(Stage.MODERATION, "w", 60, utc_now())
        assert job is not None
        try:
            with Lease(self.jobs, job, settings, utc_now) as lease:
                return worker.work(job, lease)
        finally:
            worker.close()

    def _program(self, listener: str) -> Path:
        file = self.folder / "listener.py"
        file.write_text(listener)
        return file

    def _queue(self, pitch: float) -> None:
        frames = np.stack([picture("waves", 64, 64, seed) for seed in range(9)])
        write_lossless(self.folder / "silent.mkv", frames, 8)
        sound = write_sound(self.folder / "tone.mka", tone(pitch, 1.0), "flac")
        draft = _joined(self.folder / "silent.mkv", sound, self.folder / "draft.mkv")
        assert np.array_equal(read_frames(draft)[0], frames)
        self.blobs.create(DRAFT, draft, LOSSLESS_CONTENT_TYPE)
        self.jobs.submit(
            job_id="video_1", tenant_id="acme", spec=spec(), traceparent="", now=utc_now()
        )
        for stage, key in ((Stage.SCREENING, None), (Stage.GENERATION, DRAFT)):
            job = self.jobs.claim(stage, "w", 60, utc_now())
            assert job is not None
            self.jobs.hand_over(job, verdict(), utc_now(), key)


def _joined(pictures: Path, sound: Path, path: Path) -> Path:
    """Both files' packets as they are, in one: what a model with sound would leave."""
    with (
        av.open(str(pictures)) as first,
        av.open(str(sound)) as second,
        av.open(str(path), "w") as container,
    ):
        container.metadata.update(first.metadata)
        sources = (first.streams.video[0], second.streams.audio[0])
        streams = [container.add_stream_from_template(each) for each in sources]
        for source, stream, opened in zip(sources, streams, (first, second), strict=True):
            for packet in opened.demux(source):
                if packet.dts is not None:
                    packet.stream = stream
                    container.mux(packet)
    return path


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    jobs = open_jobs(tmp_path)
    yield Bench(jobs=jobs, blobs=open_store(f"file://{tmp_path / 'blobs'}", None), folder=tmp_path)
    jobs.close()


def test_clip_in_whose_sound_nothing_is_found_is_released_with_it(bench: Bench) -> None:
    outcome = bench.moderate(300, LISTENER)

    assert isinstance(outcome, Release), outcome
    bench.blobs.download(outcome.clip.video, bench.folder / "clip.mp4")
    assert _loudest_hz(bench.folder / "clip.mp4") == pytest.approx(300, abs=5)
    with av.open(str(bench.folder / "clip.mp4")) as container:
        kinds = [each.type for each in container.streams]
        assert (kinds, container.streams.audio[0].codec.name) == (["video", "audio"], "aac")


@pytest.mark.parametrize(
    ("listener", "rule", "labels"),
    [(LISTENER, "sound-finding", ["siren"]), (None, "unheard-sound", [])],
)
def test_clip_that_is_held_for_its_sound_leaves_it_for_the_reviewer(
    bench: Bench, listener: str | None, rule: str, labels: list[str]
) -> None:
    outcome = bench.moderate(440, listener)

    assert isinstance(outcome, Hold), outcome
    assert outcome.verdict.rule == rule
    assert bench.blobs.keys("results/video_1") == []
    evidence = EvidenceStore(bench.jobs.database, bench.blobs)
    (sheet,) = (json.loads(each) for each in evidence.sheets("video_1", who="r", now=utc_now()))
    assert [each["label"] for each in sheet["heard"]] == labels
    kept = evidence.file("video_1", sheet["epoch"], sheet["sound"], who="r", now=utc_now())
    assert _loudest_hz(io.BytesIO(kept)) == pytest.approx(440, abs=5)


def _loudest_hz(file: Path | io.BytesIO) -> float:
    with av.open(str(file) if isinstance(file, Path) else file) as container:
        rate_hz = container.streams.audio[0].rate
        parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return pitch_hz(np.concatenate(parts), rate_hz)
