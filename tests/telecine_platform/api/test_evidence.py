"""What moderation saw is for reviewers only, and every reading is in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from telecine_platform.evidence.store import EvidenceStore
from telecine_platform.ledger.tables import ledger_outbox
from telecine_platform.records import Stage
from telecine_safeguards.verdict import Action
from tests.records import verdict
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

SHOWN = {
    "check": "faces", "entity_id": "ada", "action": "review", "rule": "doubt", "frame": 8,
    "box": [1, 2, 3, 4], "score": 0.9, "label": "face", "text": "",
}  # fmt: skip
HEARD = {
    "check": "sound", "entity_id": None, "action": "review", "rule": "sound-finding",
    "start_s": 0.5, "end_s": 1.0, "score": 0.9, "label": "siren", "text": "",
}  # fmt: skip
JPEG = b"\xff\xd8 a frame"
M4A = b"a sound"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path) as opened:
        yield opened


@pytest.fixture
def job_id(house: RightsHouse, tmp_path: Path) -> str:
    """A held job whose evidence is kept; the tenant `plain` owns it."""
    video = house.ask("plain", "POST", "/v1/videos", json={"prompt": "a fox"}).json()
    now = datetime.now(UTC)
    job = house.jobs.claim(Stage.SCREENING, "w", 15, now)
    assert job is not None
    sheet = {
        "epoch": job.epoch, "action": "review", "rule": "doubt", "reason_code": "doubt",
        "frames": ["frame-8.jpg"], "shown": [SHOWN], "heard": [HEARD], "sound": "sound.m4a",
    }  # fmt: skip
    (tmp_path / "sheet").write_text(json.dumps(sheet))
    (tmp_path / "frame").write_bytes(JPEG)
    (tmp_path / "sound").write_bytes(M4A)
    evidence = EvidenceStore(house.jobs.database, house.house.blobs)
    files = {"frame-8.jpg": tmp_path / "frame", "sound.m4a": tmp_path / "sound"}
    evidence.keep(job, tmp_path / "sheet", files, now)
    house.jobs.hold(job, verdict(Action.REVIEW), now)
    return str(video["id"])


def _readings(house: RightsHouse) -> list[dict[str, str]]:
    query = sa.select(ledger_outbox.c.body).where(ledger_outbox.c.kind == "evidence-read")
    with house.jobs.database.read() as connection:
        return [json.loads(body) for (body,) in connection.execute(query)]


def test_reviewer_reads_boxes_scores_frames_and_sound_and_the_ledger_says_so(
    house: RightsHouse, job_id: str
) -> None:
    listed = house.ask("support", "GET", f"/v1/reviews/{job_id}/evidence").json()
    (sheet,) = listed["sheets"]
    folder = f"/v1/reviews/{job_id}/evidence/{sheet['epoch']}"
    read = house.ask("support", "GET", f"{folder}/{sheet['frames'][0]}")
    heard = house.ask("support", "GET", f"{folder}/{sheet['sound']}")

    assert (sheet["shown"], sheet["heard"]) == ([SHOWN], [HEARD])
    assert (read.status_code, read.content) == (200, JPEG)
    assert (heard.content, heard.headers["content-type"]) == (M4A, "audio/mp4")
    assert read.headers["cache-control"] == "no-store"
    assert _readings(house) == [
        {"file": "sheet.json", "who": "support"},
        {"file": "frame-8.jpg", "who": "support"},
        {"file": "sound.m4a", "who": "support"},
    ]


@pytest.mark.parametrize("path", ["evidence", "evidence/1/frame-8.jpg"])
@pytest.mark.parametrize("who", ["plain", "owner", "rival"])
def test_nobody_without_the_scope_reads_evidence_not_even_its_owner(
    house: RightsHouse, job_id: str, who: str, path: str
) -> None:
    assert house.ask(who, "GET", f"/v1/reviews/{job_id}/{path}").status_code == 403
    assert _readings(house) == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("evidence/1/frame-9.jpg", 404),
        ("evidence/7/frame-8.jpg", 404),
        ("evidence/1/sheet.json", 400),
        ("evidence/1/..%2f..%2fvideo.mp4", 404),
    ],
)
def test_what_is_not_kept_is_not_found(
    house: RightsHouse, job_id: str, path: str, status: int
) -> None:
    assert house.ask("support", "GET", f"/v1/reviews/{job_id}/{path}").status_code == status


def test_job_without_evidence_is_not_found(house: RightsHouse) -> None:
    path = "/v1/reviews/video_00000000000000000000000000000000/evidence"
    assert house.ask("support", "GET", path).status_code == 404
