"""The registry of a running platform: new entities count within seconds, revoked consents stop."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from openai import OpenAI

from telecine_platform.clock import utc_now
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.tables import transitions
from telecine_platform.records import JobState
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.rights.records import Change
from telecine_platform.rights.store import RightsStore
from telecine_platform.rights.transfer import export_signed
from telecine_safeguards.registry.entities import Registry
from tests.end_to_end.conftest import LARGE, client_of
from tests.rights_records import entity, seeded
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

IN_FORCE_WITHIN_S = 10.0


def signed_file(tmp_path: Path, entity_id: str, name: str) -> tuple[Path, Path]:
    """A registry of one entity, signed elsewhere; and the key that it can be trusted by."""
    write_new_keys(tmp_path / "key.pem", tmp_path / "key.pub")
    database = Database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    new = Registry(version="elsewhere", entities=(entity(id=entity_id, name=name),))
    content = export_signed(seeded(database, new), tmp_path / "key.pem")
    database.close()
    (tmp_path / "registry.jsonl").write_bytes(content)
    return tmp_path / "registry.jsonl", tmp_path / "key.pub"


def telecine(platform: RunningPlatform, *arguments: str) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TELECINE_")}
    subprocess.run(
        [sys.executable, "-m", "telecine_serve.cli", *arguments],
        env=clean | {"TELECINE_DATA_DIR": str(platform.data_dir)},
        check=True, capture_output=True, timeout=240,
    )  # fmt: skip


def ask(platform: RunningPlatform, method: str, path: str, **options: Any) -> Any:  # Any: JSON
    response = httpx.request(method, f"{platform.url}{path}", timeout=30, **options)
    assert response.status_code == 200, response.text
    return response.json()


def end_of(client: OpenAI, prompt: str) -> str:
    """`completed`, or the reason why not."""
    video = client.videos.create_and_poll(prompt=prompt, extra_body={"num_steps": 1})
    return "completed" if video.error is None else video.error.code


def test_imported_entity_is_in_force_within_ten_seconds(
    embedded: RunningPlatform, tmp_path: Path
) -> None:
    client = client_of(embedded)
    assert end_of(client, "quibblefax on a hill") == "completed"
    file, key = signed_file(tmp_path, "quibblefax", "Quibblefax")
    telecine(embedded, "rights", "import", str(file), "--public-key", str(key))
    time.sleep(IN_FORCE_WITHIN_S)  # the claim: after this, no replica lets it through
    assert {end_of(client, "quibblefax on a hill") for _ in range(2)} == {"protected_character"}
    screened = ask(embedded, "POST", "/v1/screenings", json={"prompt": "a quibblefax"})
    assert not screened["would_pass"]


def test_entity_registered_over_http_is_in_force_within_ten_seconds(
    embedded: RunningPlatform,
) -> None:
    client = client_of(embedded)
    body = {"id": "wimblor", "kind": "character", "name": "Wimblor", "rights_holder": "W"}
    ask(embedded, "POST", "/v1/rights/entities", json=body)
    ask(embedded, "POST", "/v1/rights/entities/wimblor/verify")
    time.sleep(IN_FORCE_WITHIN_S)
    assert end_of(client, "w1mblor in the rain") == "protected_character"


def test_new_entity_is_in_force_in_every_replica(
    clustered: RunningPlatform, database_url: str
) -> None:
    client = client_of(clustered)
    body = {"id": "flumbert", "kind": "character", "name": "Flumberto", "rights_holder": "F"}
    ask(clustered, "POST", "/v1/rights/entities", json=body)
    ask(clustered, "POST", "/v1/rights/entities/flumbert/verify")
    time.sleep(IN_FORCE_WITHIN_S)
    ids = []
    for _ in range(20):  # one after the other, so that each replica gets some
        ids.append(client.videos.create(prompt="flumberto dances").id)
        time.sleep(0.2)
    errors = [client.videos.poll(video_id).error for video_id in ids]
    assert {error.code if error else "" for error in errors} == {"protected_character"}
    database = Database(database_url)
    claimed = (transitions.c.job_id.in_(ids), transitions.c.state == JobState.RUNNING)
    with database.read() as connection:
        query = sa.select(transitions.c.worker_id).where(*claimed).distinct()
        assert len(connection.execute(query).all()) == 2
    database.close()


def test_revoked_consent_stops_a_queued_job(embedded: RunningPlatform) -> None:
    """The only gang is busy; a job with a consent waits behind it, and the consent is revoked."""
    client = client_of(embedded)
    database = Database(f"sqlite:///{embedded.data_dir / 'jobs.db'}")
    rights = RightsStore(database)
    body = {"id": "plonk", "kind": "character", "name": "Plonkimus", "rights_holder": "P"}
    ask(embedded, "POST", "/v1/rights/entities", json=body)
    ask(embedded, "POST", "/v1/rights/entities/plonk/verify")
    grant = {"id": "consent", "entity_id": "plonk", "tenant_id": "default"}
    ask(embedded, "POST", "/v1/rights/grants", json=grant)
    time.sleep(IN_FORCE_WITHIN_S)
    busy = client.videos.create(
        prompt="a long one", seconds="4", size=LARGE, extra_body={"num_steps": 100}
    )
    waiting = client.videos.create(prompt="plonkimus waves", extra_body={"num_steps": 1})
    deadline = time.monotonic() + 60
    while not rights.uses("consent", limit=1)[0]:  # screened and let through
        video = client.videos.retrieve(waiting.id)
        assert video.error is None, video.error
        assert time.monotonic() < deadline
        time.sleep(0.1)
    rights.revoke("consent", Change(who="owner", at=utc_now()))
    client.videos.delete(busy.id)
    ended = client.videos.poll(waiting.id)
    assert ended.error is not None
    assert ended.error.code == "licence_revoked"
    uses = ask(embedded, "GET", "/v1/rights/grants/consent/uses")["data"]
    assert [(use["job_id"], use["job_state"]) for use in uses] == [(waiting.id, "blocked")]
    database.close()
