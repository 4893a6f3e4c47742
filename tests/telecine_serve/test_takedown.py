"""A takedown with several replicas at work: two API processes, two screening loops, a moderation
loop, a sealed ledger, clips in S3 and a webhook to their owner, all real, and on either database;
only the frames are drawn instead of generated.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from cryptography.fernet import Fernet

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.ledger.tables import ledger
from telecine_platform.records import Job, Stage
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore, quarantine_key
from telecine_serve.apps.moderation import ModerationWorker
from telecine_serve.apps.screening import ScreeningWorker
from telecine_serve.cli.certificates import certificates
from telecine_serve.media.frames import LOSSLESS_CONTENT_TYPE, write_lossless
from telecine_serve.stage import HandOver, StageLoop, StageWorker
from tests.s3_server import S3Server, s3_server
from tests.telecine_platform.webhooks.receiver import Receiver, receiving
from tests.telecine_safeguards.pictures import picture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EFFECT_WITHIN_S = 60.0
CLAIMS = "/v1/takedowns/claims"
EVENTS = ["video.completed", "video.withdrawn"]
SEED = "version: test\nentities:\n- {id: robo, kind: brand, name: Robolux, rights_holder: Lux}\n"


class Drawing:
    """The generation stage: a picture of its own for each seed."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    def work(self, job: Job, lease: Lease) -> HandOver:
        frames = np.stack([picture("waves", 96, 128, job.spec.seed)] * 5)
        key = quarantine_key(job.id, job.epoch, "draft.mkv")
        with tempfile.TemporaryDirectory() as folder:
            write_lossless(Path(folder) / "draft.mkv", frames, 8)
            self._blobs.create(key, Path(folder) / "draft.mkv", LOSSLESS_CONTENT_TYPE)
        return HandOver(draft=key)

    def check_health(self) -> None:
        """Nothing can break."""

    def close(self) -> None:
        """Nothing is open."""


@contextmanager
def looping(
    stage: Stage, worker: StageWorker, jobs: JobStore, settings: Settings
) -> Iterator[None]:
    blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
    loop = StageLoop(stage, worker, jobs, blobs, settings)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join()
        worker.close()


@contextmanager
def api_server(environ: dict[str, str]) -> Iterator[httpx.Client]:
    """A process of its own, as a pod has it."""
    command = [sys.executable, "-m", "telecine_platform.api.server"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        try:
            with httpx.Client(
                base_url=url, timeout=30, trust_env=False, follow_redirects=True
            ) as client:
                yield client
        finally:
            process.terminate()


class Platform:
    """Two API processes on the same stores."""

    def __init__(
        self, clients: list[httpx.Client], database: Database, environ: dict[str, str],
        storage: S3Server, owner: Receiver,
    ) -> None:  # fmt: skip
        self.clients = clients
        self._database = database
        self._environ = environ
        self._storage = storage
        self._owner = owner

    def ok(self, method: str, path: str, **options: Any) -> Any:  # Any: JSON
        response = self.clients[0].request(method, path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    def make(self, prompt: str, seed: int = 0) -> Any:
        """A video that has ended."""
        video = self.ok("POST", "/v1/videos", json={"prompt": prompt, "seed": seed})
        path = f"/v1/videos/{video['id']}"
        until(lambda: self.ok("GET", path)["status"] in ("completed", "failed"), 60)
        return self.ok("GET", path)

    def statuses(self, video_id: str) -> set[int]:
        """What every API process says of the content."""
        path = f"/v1/videos/{video_id}/content"
        return {client.get(path).status_code for client in self.clients}

    @property
    def owner_url(self) -> str:
        return self._owner.url

    def link(self, video_id: str) -> str:
        """A signed link, as somebody has it who was shown the clip."""
        path = f"/v1/videos/{video_id}/content"
        return self.clients[0].get(path, follow_redirects=False).headers["location"]

    def num_stored(self, prefix: str) -> int:
        with closing(self._storage.client()) as client:
            found = client.list_objects_v2(Bucket=self._storage.bucket, Prefix=f"clips/{prefix}/")
        return int(found["KeyCount"])

    def told(self, video_id: str) -> list[str]:
        """The kinds of the events of a clip that its owner's webhook got, in order."""
        bodies = self._owner.bodies()
        return [body["type"] for body in bodies if body["data"]["id"] == video_id]

    def faults(self) -> list[int]:
        """The rows that `telecine ledger verify` names."""
        command = [sys.executable, "-m", "telecine_serve.cli", "ledger", "verify", "--json"]
        done = subprocess.run(
            command, env=self._environ, check=False, capture_output=True, text=True, timeout=60
        )
        said = [json.loads(line) for line in done.stdout.splitlines()]
        assert said[-1]["is_whole"] == (done.returncode == 0), done.stderr
        assert said[-1]["num_rows"] > 0
        return [each["row"] for each in said if "row" in each]

    def change_row(self, number: int, body: str) -> str:
        """Write into the chain behind everybody's back; returns what was there."""
        row = ledger.c.number == number
        with self._database.write() as connection:
            before = connection.execute(sa.select(ledger.c.body).where(row)).scalar_one()
            connection.execute(sa.update(ledger).where(row).values(body=body))
        return str(before)


def _secrets(folder: Path) -> dict[str, str]:
    """Settings of keys: with PostgreSQL there may be several machines, and none makes its own."""
    made = CliRunner().invoke(certificates, [str(folder), "--json"])
    webhook_keys, ledger_key = folder / "webhook.keys", folder / "ledger.pem"
    webhook_keys.write_bytes(Fernet.generate_key())
    write_new_keys(ledger_key, folder / "ledger.pub")
    files: dict[str, str] = json.loads(made.output)
    return files | {
        "webhook_keys_file": str(webhook_keys), "ledger_private_key_file": str(ledger_key),
    }  # fmt: skip


@pytest.fixture
def platform(tmp_path: Path, database_url: str) -> Iterator[Platform]:
    (tmp_path / "seed.yaml").write_text(SEED)
    changes = {
        "data_dir": str(tmp_path), "registry_file": str(tmp_path / "seed.yaml"), "port": "0",
        "database_url": database_url, "screening_model": "none",
        "preview_wait_s": "5", "fetch_allowed": "localhost",
    }  # fmt: skip
    changes |= _secrets(tmp_path / "secrets")
    with ExitStack() as stack:
        storage = stack.enter_context(s3_server())
        owner = stack.enter_context(receiving())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name in [name for name in os.environ if name.startswith(("AWS_", "TELECINE_"))]:
            patch.delenv(name)
        for name, value in storage.environ().items():
            patch.setenv(name, value)
        changes["storage_url"] = f"s3://{storage.bucket}/clips"
        changes["s3_endpoint_url"] = storage.endpoint_url
        environ = dict(os.environ) | {
            f"TELECINE_{key.upper()}": value for key, value in changes.items()
        }
        settings = Settings.model_validate(changes)
        jobs = stack.enter_context(closing(JobStore(settings.resolved_database_url)))
        jobs.create_tables()
        open_rights(settings, jobs.database)
        blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
        workers: list[tuple[Stage, StageWorker]] = [
            (Stage.SCREENING, ScreeningWorker(settings, jobs.database, blobs)),
            (Stage.SCREENING, ScreeningWorker(settings, jobs.database, blobs)),
            (Stage.GENERATION, Drawing(blobs)),
            (Stage.MODERATION, ModerationWorker(settings, jobs.database, blobs)),
        ]
        for stage, worker in workers:
            stack.enter_context(looping(stage, worker, jobs, settings))
        clients = [stack.enter_context(api_server(environ)) for _ in range(2)]
        yield Platform(clients, jobs.database, environ, storage, owner)


def until(is_so: Callable[[], bool], within_s: float) -> None:
    started_s = time.monotonic()
    while not is_so():
        assert time.monotonic() - started_s < within_s
        time.sleep(0.2)


def test_claim_takes_effect_within_a_minute_and_an_objection_undoes_it(platform: Platform) -> None:
    hook = {"name": "owner", "url": platform.owner_url, "event_types": EVENTS}
    platform.ok("POST", "/v1/webhook_endpoints", json=hook)
    named = platform.make("a snarfblat dances", 1)["id"]
    shown, other = (platform.make("a wave", seed)["id"] for seed in (2, 3))
    copy = platform.clients[0].get(f"/v1/videos/{shown}/content").content
    link = platform.link(shown)
    assert httpx.get(link, trust_env=False).status_code == 200
    assert platform.faults() == []
    platform.ok("PUT", "/v1/takedowns/claimant", json={"name": "Snarf Inc", "contact": "law"})
    platform.ok("POST", "/v1/admin/claimants/default/verify")

    body = {"title": "S", "names": ["Snarfblat"], "has_reference": True, "is_in_good_faith": True}
    claim_id = platform.ok("POST", CLAIMS, json=body)["id"]
    platform.ok("PUT", f"{CLAIMS}/{claim_id}/reference", content=copy)

    def found() -> dict[str, str]:
        clips = platform.ok("GET", f"{CLAIMS}/{claim_id}/clips")["data"]
        return {clip["video_id"]: clip["by"] for clip in clips}

    def action() -> str:
        prompt = {"prompt": "a snarfblat sings"}
        return str(platform.ok("POST", "/v1/screenings", json=prompt)["action"])

    until(lambda: len(found()) >= 2, EFFECT_WITHIN_S)
    assert found() == {named: "prompt", shown: "fingerprint"}
    until(lambda: action() == "review", EFFECT_WITHIN_S)

    platform.ok("POST", f"/v1/admin/claims/{claim_id}/verify")
    started_s = time.monotonic()
    until(lambda: platform.statuses(named) | platform.statuses(shown) == {451}, EFFECT_WITHIN_S)
    until(lambda: platform.num_stored(f"results/{shown}") == 0, EFFECT_WITHIN_S)
    assert httpx.get(link, trust_env=False).status_code in (403, 404)  # S3 says either
    assert platform.num_stored(f"evidence/{shown}") == 3
    until(lambda: platform.told(shown) == ["video.completed", "video.withdrawn"], EFFECT_WITHIN_S)
    until(lambda: action() == "block", EFFECT_WITHIN_S)
    assert time.monotonic() - started_s < EFFECT_WITHIN_S
    codes = {platform.make(f"snarfblat {n}")["error"]["code"] for n in range(4)}
    assert codes == {"protected_work"}
    assert platform.statuses(other) == {200}

    counter = f"/v1/takedowns/withdrawals/{claim_id}/{shown}/counter"
    platform.ok("POST", counter, json={"text": "My own.", "is_in_good_faith": True})
    platform.ok("POST", f"/v1/admin/claims/{claim_id}/clips/{shown}/reinstate")
    until(lambda: platform.statuses(shown) == {200}, EFFECT_WITHIN_S)
    assert platform.clients[1].get(f"/v1/videos/{shown}/content").content == copy
    assert httpx.get(link, trust_env=False).content == copy
    assert platform.statuses(named) == {451}
    until(lambda: platform.told(shown)[2:] == ["video.completed"], EFFECT_WITHIN_S)
    assert platform.told(other) == ["video.completed"]

    assert platform.faults() == []
    before = platform.change_row(3, "{}")
    assert platform.faults() == [3]
    platform.change_row(3, before)
    assert platform.faults() == []
