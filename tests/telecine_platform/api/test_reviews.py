"""Held jobs, screenings without a job, and what the caller sees of it all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from telecine_platform.jobs.tables import previews
from telecine_platform.records import JobState, Stage
from telecine_safeguards.verdict import Action, Finding
from tests.records import verdict
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

SECRET = "a <script>alert('zorb')</script> & secret fox"
WAITS = verdict(
    Action.REVIEW,
    reason_code="claim_open",
    message="Somebody has to look at this.",
    findings=(
        Finding(check="names", score=0.9, entity_name="Zorb & <Co>", matched="<script>zorb"),
    ),
)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path) as opened:
        yield opened


def held(house: RightsHouse) -> str:
    response = house.ask("plain", "POST", "/v1/videos", json={"prompt": SECRET})
    now = datetime.now(UTC)
    job = house.jobs.claim(Stage.SCREENING, "w", 15, now)
    assert job is not None
    house.jobs.hold(job, WAITS, now)
    return str(response.json()["id"])


def test_held_job_looks_in_progress_and_says_what_it_waits_for(house: RightsHouse) -> None:
    video = house.ask("plain", "GET", f"/v1/videos/{held(house)}").json()
    assert (video["status"], video["error"]) == ("in_progress", None)
    assert video["notice"] == "Somebody has to look at this."


def test_approved_job_is_queued_for_generation(house: RightsHouse) -> None:
    job_id = held(house)
    listed = house.ask("support", "GET", "/v1/reviews").json()
    assert [(each["job_id"], each["prompt"]) for each in listed["data"]] == [(job_id, SECRET)]
    approved = house.ask(
        "support", "POST", f"/v1/reviews/{job_id}/approve", json={"note": "a parody"}
    )
    assert approved.json()["state"] == "queued"
    assert house.jobs.claim(Stage.GENERATION, "w", 15, datetime.now(UTC)) is not None
    assert house.ask("support", "GET", "/v1/reviews").json()["data"] == []
    again = house.code("support", "POST", f"/v1/reviews/{job_id}/approve")
    assert again == (409, "illegal_transition")


def test_refused_job_tells_its_caller_the_note(house: RightsHouse) -> None:
    job_id = held(house)
    house.ask("support", "POST", f"/v1/reviews/{job_id}/refuse", json={"note": "A real person."})
    video = house.ask("plain", "GET", f"/v1/videos/{job_id}").json()
    assert (video["status"], video["error"]["code"]) == ("failed", "review_refused")
    assert "A real person." in video["error"]["message"]


def test_deleted_held_job_is_cancelled(house: RightsHouse) -> None:
    job_id = held(house)
    assert house.ask("plain", "DELETE", f"/v1/videos/{job_id}").status_code == 200
    assert house.jobs.history(job_id)[-1].state == JobState.CANCELLED
    assert house.code("support", "POST", f"/v1/reviews/{job_id}/approve")[0] == 404


@pytest.mark.parametrize("body", [{"note": "x" * 1001}, {"note": "a\0b"}, {"word": "x"}])
def test_impossible_note_is_refused(house: RightsHouse, body: dict[str, str]) -> None:
    path = f"/v1/reviews/{held(house)}/refuse"
    assert house.ask("support", "POST", path, json=body).status_code == 400
    assert len(house.ask("support", "GET", "/v1/reviews").json()["data"]) == 1


def test_page_shows_what_matched_and_nothing_runs_on_it(house: RightsHouse) -> None:
    page = house.ask("support", "GET", f"/v1/reviews/{held(house)}/page")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "<script" not in page.text
    for text in ("&lt;script&gt;zorb", "Zorb &amp; &lt;Co&gt;", "0.90", "claim_open", "test-1"):
        assert text in page.text


def test_rewritten_prompt_is_shown_to_its_caller(house: RightsHouse) -> None:
    video_id = house.ask("plain", "POST", "/v1/videos", json={"prompt": "Zorb"}).json()["id"]
    now = datetime.now(UTC)
    job = house.jobs.claim(Stage.SCREENING, "w", 15, now)
    assert job is not None
    rewrite = verdict(
        Action.REWRITE,
        message="Zorb was replaced.",
        rewritten_prompt="a blob",
        added_negative_prompt="Zorb",
    )
    house.jobs.hand_over(job, rewrite, now)
    video = house.ask("plain", "GET", f"/v1/videos/{video_id}").json()
    assert (video["prompt"], video["rewritten_prompt"]) == ("Zorb", "a blob")
    assert video["notice"] == "Zorb was replaced. Kept out of the clip: Zorb."


def test_screening_answers_and_keeps_nothing(
    house: RightsHouse, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answers = [
            house.ask("plain", "POST", "/v1/screenings", json={"prompt": prompt}).json()
            for prompt in ("a red fox", "z0rbulon waves in the snow")
        ]
    assert [each["would_pass"] for each in answers] == [True, False]
    assert answers[1]["findings"][0]["entity_id"] == "zorbulon"
    assert answers[1]["checks"] == ["names", "harms"]
    assert answers[1]["registry_version"] == house.rights.current_version()
    assert house.jobs.list_jobs("plain", limit=9) == ([], False)
    assert "snow" not in caplog.text
    with house.jobs.database.read() as connection:
        assert connection.execute(sa.select(previews)).all() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_required_parameter"),
        ({"prompt": "   "}, "empty_string"),
        ({"prompt": "\u200b\u2060"}, "empty_string"),
        ({"prompt": "x" * 4001}, "string_above_max_length"),
        ({"prompt": "a\0b"}, "invalid_text"),
        ({"prompt": "fox", "negative_prompt": "x" * 4001}, "string_above_max_length"),
        ({"prompt": "fox", "colour": "red"}, "unknown_parameter"),
        ({"prompt": 7}, "invalid_type"),
        ({"prompt": "fox", "region": "XX"}, "invalid_value"),
        ({"prompt": "fox", "use": "a b"}, "invalid_value"),
    ],
)
def test_impossible_screening_is_refused(
    house: RightsHouse, body: dict[str, object], code: str
) -> None:
    assert house.code("plain", "POST", "/v1/screenings", json=body) == (400, code)
