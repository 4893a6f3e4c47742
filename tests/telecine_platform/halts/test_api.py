"""`/v1/admin/halts` on a running API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.access.keys import digest_from_key
from telecine_platform.errors import LeaseLost
from telecine_platform.records import Stage
from tests.records import verdict
from tests.telecine_platform.api.house import House, open_house

ADMIN = {"authorization": "Bearer operator"}
ACME = {"authorization": "Bearer acme"}
MODEL = {"kind": "model", "value": "embedded", "reason": "A takedown."}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[House]:
    file = tmp_path / "keys.yaml"
    operator = {"keys": [digest_from_key("operator")], "scopes": ["admin"]}
    file.write_text(json.dumps({"ops": operator, "acme": [digest_from_key("acme")]}))
    with open_house(tmp_path, api_keys_file=file) as opened:
        yield opened


def create(house: House) -> str:
    response = house.client.post("/v1/videos", json={"prompt": "a fox"}, headers=ACME)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def order(house: House, **changes: str) -> str:
    response = house.client.post("/v1/admin/halts", json=MODEL | changes, headers=ADMIN)
    assert response.status_code == 200, response.text
    return str(response.json()["id"])


def test_a_finished_work_is_not_released_after_the_call(guarded: House) -> None:
    create(guarded)
    job = guarded.stages.claim(Stage.SCREENING)
    assert job is not None
    order(guarded)
    with pytest.raises(LeaseLost):
        guarded.jobs.hand_over(job, verdict(), job.created_at)


@pytest.mark.parametrize(
    ("kind", "value", "status"), [("tenant", "acme", 403), ("model", "embedded", 503)]
)
def test_a_failing_halt_refuses_new_videos_with_its_reason(
    guarded: House, kind: str, value: str, status: int
) -> None:
    order(guarded, kind=kind, value=value, mode="fail")
    response = guarded.client.post("/v1/videos", json={"prompt": "a fox"}, headers=ACME)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (status, "halted")
    assert "A takedown." in error["message"]
    assert ("retry-after" in response.headers) == (status == 503)


def test_models_and_readyz_show_a_halt(guarded: House) -> None:
    assert guarded.client.get("/v1/models/embedded", headers=ACME).json()["halted"] is None
    order(guarded)
    halted = guarded.client.get("/v1/models", headers=ACME).json()["data"][0]["halted"]
    assert halted == "The model embedded is halted by the operator: A takedown."
    ready = guarded.client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["notices"] == ["halts of a model in force: 1"]


def test_only_an_administrator_halts(guarded: House) -> None:
    for method, path in (
        ("POST", "/v1/admin/halts"),
        ("GET", "/v1/admin/halts"),
        ("POST", "/v1/admin/halts/halt_0/lift"),
    ):
        response = guarded.client.request(method, path, json=MODEL, headers=ACME)
        assert response.status_code == 403


def test_halts_are_listed_with_who_ordered_and_lifted_them(guarded: House) -> None:
    halt_id = order(guarded)
    guarded.client.post(f"/v1/admin/halts/{halt_id}/lift", headers=ADMIN)
    order(guarded, kind="tenant", value="acme")
    listed = guarded.client.get("/v1/admin/halts", headers=ADMIN).json()["data"]
    by_kind = {halt["kind"]: halt for halt in listed}
    assert (by_kind["model"]["who"], by_kind["model"]["lifted_by"]) == ("ops", "ops")
    assert by_kind["tenant"]["lifted_at"] is None
