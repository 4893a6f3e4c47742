"""An administrator sees what was stopped, and lets it go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telecine_platform.jobs.retry import Failure, RetryPolicy
from telecine_platform.records import JobError, Stage
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

LOST = JobError(code="worker_lost", message="The worker was lost.")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path) as opened:
        yield opened


def quarantined(house: RightsHouse) -> str:
    video = house.ask("plain", "POST", "/v1/videos", json={"prompt": "a secret fox"}).json()
    job = house.jobs.claim(Stage.SCREENING, "w", 15, datetime.now(UTC))
    assert job is not None
    once = RetryPolicy(max_attempts=9, delay_s=1, max_deaths=1)
    house.jobs.retry_or_fail(job, LOST, Failure.DEATH, once, datetime.now(UTC))
    return str(video["id"])


def test_quarantined_job_is_failed_to_its_caller_and_listed_without_its_texts(
    house: RightsHouse,
) -> None:
    job_id = quarantined(house)
    video = house.ask("plain", "GET", f"/v1/videos/{job_id}").json()
    assert (video["status"], video["error"]["code"]) == ("failed", "quarantined")
    listed = house.ask("boss", "GET", "/v1/admin/quarantine")
    (found,) = listed.json()["data"]
    assert (found["job_id"], found["num_deaths"], found["stage"]) == (job_id, 1, "screening")
    assert "secret" not in listed.text


def test_requeued_job_can_be_claimed_once_more(house: RightsHouse) -> None:
    job_id = quarantined(house)
    path = f"/v1/admin/quarantine/{job_id}/requeue"
    assert house.ask("boss", "POST", path).json()["state"] == "queued"
    assert house.jobs.claim(Stage.SCREENING, "w", 15, datetime.now(UTC)) is not None
    assert house.code("boss", "POST", path) == (409, "illegal_transition")


def test_quarantine_is_for_administrators(house: RightsHouse) -> None:
    job_id = quarantined(house)
    assert house.code("support", "GET", "/v1/admin/quarantine")[0] == 403
    assert house.code("plain", "POST", f"/v1/admin/quarantine/{job_id}/requeue")[0] == 403
