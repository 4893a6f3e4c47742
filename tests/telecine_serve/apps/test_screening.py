"""The screening worker follows the registry and turns each action into its outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from telecine_platform.clock import utc_now
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.lease import Lease
from telecine_platform.records import Job
from telecine_platform.rights.records import Change
from telecine_platform.rights.store import RightsStore
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import input_key
from telecine_safeguards.output.pdq import pdq_from_picture
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.verdict import Action, Checkpoint, Verdict
from telecine_serve.apps import screening
from telecine_serve.apps.screening import ScreeningWorker
from telecine_serve.stage import Block, HandOver, Hold
from tests.databases import open_jobs
from tests.records import spec, verdict
from tests.rights_records import entity, seeded
from tests.telecine_safeguards.pictures import picture

NO_LEASE = cast(Lease, None)
"""Screening is over before a lease could run out: it never asks."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, region="EU", screening_model="none")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    jobs = open_jobs(settings.data_dir)
    seeded(jobs.database)
    yield jobs.database
    jobs.close()


def job(prompt: str, first_frame: str | None = None) -> Job:
    from telecine_platform.records import JobState, Stage

    wanted = spec(prompt=prompt, first_frame=first_frame)
    return Job(
        id="video_1", tenant_id="acme", spec=wanted, stage=Stage.SCREENING,
        state=JobState.RUNNING, attempt=1, epoch=1, progress=0, verdicts=(), traceparent="",
        created_at=utc_now(), available_at=utc_now(),
    )  # fmt: skip


@dataclass
class Prepared:
    """A screen that decides as it is told, and remembers what it was asked."""

    verdict: Verdict
    asked: tuple[str, str, str] = ("", "", "")

    def screen(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        tenant_id: str,
        region: str,
        use: str,
        now: datetime | None,
    ) -> Verdict:
        self.asked = (tenant_id, region, use)
        return self.verdict


@pytest.mark.parametrize(
    ("action", "outcome"),
    [
        (Action.ALLOW, HandOver),
        (Action.REWRITE, HandOver),
        (Action.REVIEW, Hold),
        (Action.LICENCE_REQUIRED, Block),
        (Action.BLOCK, Block),
    ],
)
def test_each_action_has_its_outcome(
    settings: Settings,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    action: Action,
    outcome: type,
) -> None:
    prepared = Prepared(verdict(action))
    monkeypatch.setattr(screening, "build_screen", lambda *_settings: lambda _registry: prepared)
    worker = ScreeningWorker(settings, database, LocalStore(settings.data_dir / "blobs"))
    try:
        assert worker.work(job("x"), NO_LEASE) == outcome(verdict=verdict(action))
        assert prepared.asked == ("acme", "EU", "video")
    finally:
        worker.close()


@pytest.mark.parametrize("is_ours", [True, False])
def test_picture_of_registered_artwork_blocks_the_job(
    settings: Settings, database: Database, tmp_path: Path, is_ours: bool
) -> None:
    artwork_HWC = picture("shapes", 128, 128, seed=1)
    hashes = (pdq_from_picture(artwork_HWC).hex,)
    mine = entity(id="blimpo", name="Blimpo", reference_hashes=hashes)
    rights = RightsStore(database)
    registry = Registry(version="file", entities=(mine,))
    rights.import_registry(registry, Change(who="tests", at=utc_now()))
    blobs = LocalStore(tmp_path / "blobs")
    path = tmp_path / "picture.png"
    drawn_HWC = picture("shapes", 128, 128, seed=2) if is_ours else artwork_HWC
    Image.fromarray(drawn_HWC).save(path)
    key = input_key("video_1", "first_frame.png")
    blobs.create(key, path, "image/png")
    worker = ScreeningWorker(settings, database, blobs)
    try:
        outcome = worker.work(job("a walk in the park", first_frame=key), NO_LEASE)
    finally:
        worker.close()

    if is_ours:
        assert isinstance(outcome, HandOver)
        return
    assert isinstance(outcome, Block)
    assert outcome.verdict.checkpoint is Checkpoint.PICTURE
    assert outcome.verdict.reason_code == "reference_match"
    assert outcome.verdict.message.startswith("The picture matches registered material")


def test_new_entity_is_in_force_within_seconds(settings: Settings, database: Database) -> None:
    worker = ScreeningWorker(settings, database, LocalStore(settings.data_dir / "blobs"))
    try:
        assert isinstance(worker.work(job("a blimpo in the sky"), NO_LEASE), HandOver)
        rights = RightsStore(database)
        new = Registry(version="file", entities=(entity(id="blimpo", name="Blimpo"),))
        rights.import_registry(new, Change(who="tests", at=utc_now()))
        deadline = time.monotonic() + 10
        while not isinstance(worker.work(job("a blimpo in the sky"), NO_LEASE), Block):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        worker.close()
