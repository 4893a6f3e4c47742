"""`/v1/takedowns` on a running API: both sides and the operator, each with a key of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from telecine_platform.takedowns.rounds import take_round
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

CLAIMANT = {"name": "Blimp Ltd", "contact": "legal@blimp.example"}
CLAIM = {"title": "Blimpo", "names": ["Blimpo"], "is_in_good_faith": True}
COUNTER = {"text": "I made it.", "is_in_good_faith": True}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path_factory.mktemp("takedowns")) as opened:
        yield opened


def work(house: RightsHouse) -> None:
    database, blobs = house.jobs.database, house.house.blobs
    settings = house.house.settings
    while take_round(database, blobs, settings, datetime.now(UTC)):
        pass


def released(house: RightsHouse, prompt: str) -> str:
    made = house.ask("rival", "POST", "/v1/videos", json={"prompt": prompt}).json()
    house.house.stages.work_off()
    return str(made["id"])


def test_a_takedown_from_the_account_to_the_reinstatement(house: RightsHouse) -> None:
    video_id = released(house, "blimpo flies")
    content = f"/v1/videos/{video_id}/content"
    assert house.ask("rival", "GET", content).status_code == 200

    claims = "/v1/takedowns/claims"
    assert house.code("owner", "POST", claims, json=CLAIM) == (403, "claimant_limited")
    assert house.code("owner", "PUT", "/v1/takedowns/claimant", json=CLAIMANT) == (200, "")
    assert house.code("owner", "POST", claims, json=CLAIM) == (403, "claimant_limited")
    assert house.code("owner", "POST", "/v1/admin/claimants/owner/verify")[0] == 403
    assert house.code("boss", "POST", "/v1/admin/claimants/owner/verify") == (200, "")
    claim = house.ask("owner", "POST", claims, json=CLAIM).json()
    assert (claim["state"], claim["is_search_complete"]) == ("filed", False)
    entity = house.ask("owner", "GET", f"/v1/rights/entities/{claim['entity_id']}").json()
    assert (entity["status"], entity["rights_holder"]) == ("proposed", "Blimp Ltd")

    work(house)
    clips = house.ask("owner", "GET", f"{claims}/{claim['id']}/clips").json()["data"]
    assert [(clip["video_id"], clip["state"]) for clip in clips] == [(video_id, "found")]
    assert "tenant_id" not in clips[0]
    assert house.ask("rival", "GET", "/v1/takedowns/withdrawals").json()["data"] == []
    assert house.code("boss", "POST", f"/v1/admin/claims/{claim['id']}/verify") == (200, "")
    work(house)

    assert house.code("rival", "GET", content) == (451, "withdrawn")
    video = house.ask("rival", "GET", f"/v1/videos/{video_id}").json()
    assert (video["status"], video["error"]["code"]) == ("failed", "withdrawn")
    assert "Blimp Ltd" in video["error"]["message"]
    task = house.ask("rival", "GET", f"/api/v3/contents/generations/tasks/{video_id}").json()
    assert (task["status"], task["content"]) == ("failed", None)
    (hold,) = house.ask("rival", "GET", "/v1/takedowns/withdrawals").json()["data"]
    assert (hold["state"], hold["due_at"] > hold["found_at"]) == ("withdrawn", True)

    counter = f"/v1/takedowns/withdrawals/{claim['id']}/{video_id}/counter"
    assert house.code("plain", "POST", counter, json=COUNTER) == (404, "not_found")
    assert house.ask("rival", "POST", counter, json=COUNTER).json()["state"] == "countered"
    assert house.code("rival", "POST", counter, json=COUNTER) == (409, "illegal_transition")
    contest = f"{claims}/{claim['id']}/clips/{video_id}/contest"
    assert house.ask("owner", "POST", contest, json={"text": "No."}).json()["state"] == "contested"
    decision = f"/v1/admin/claims/{claim['id']}/clips/{video_id}/reinstate"
    assert house.code("owner", "POST", decision)[0] == 403
    assert house.ask("boss", "POST", decision).json()["state"] == "reinstated"
    work(house)
    assert house.ask("rival", "GET", content).status_code == 200
    account = house.ask("owner", "GET", "/v1/takedowns/claimant").json()
    assert (account["record"]["dispute_rate"], account["record"]["loss_rate"]) == (1.0, 1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_in_good_faith": False},
        {"names": []},
        {"names": ["ab"]},
        {"names": ["  "]},
        {"title": "two\nlines"},
        {"reference_hashes": ["xyz"]},
        {"kind": "thing"},
        {"surprise": 1},
        {"names": ["x" * 201]},
    ],
)
def test_impossible_claim_is_refused(house: RightsHouse, changes: dict[str, object]) -> None:
    house.ask("boss", "PUT", "/v1/takedowns/claimant", json=CLAIMANT)
    house.ask("boss", "POST", "/v1/admin/claimants/boss/verify")
    response = house.ask("boss", "POST", "/v1/takedowns/claims", json=CLAIM | changes)
    assert response.status_code == 400, response.text


def test_reference_goes_to_its_own_claim_alone_and_not_empty(house: RightsHouse) -> None:
    house.ask("boss", "PUT", "/v1/takedowns/claimant", json=CLAIMANT)
    house.ask("boss", "POST", "/v1/admin/claimants/boss/verify")
    body = {"title": "Media", "has_reference": True, "is_in_good_faith": True}
    claim = house.ask("boss", "POST", "/v1/takedowns/claims", json=body).json()
    path = f"/v1/takedowns/claims/{claim['id']}/reference"
    assert house.code("rival", "PUT", path, content=b"x") == (404, "not_found")
    assert house.code("boss", "PUT", path, content=b"")[0] == 400
    assert house.ask("boss", "PUT", path, content=b"x").json()["has_reference"]
    assert (
        house.ask("boss", "POST", f"/v1/takedowns/claims/{claim['id']}/retract").status_code == 200
    )
    assert house.code("boss", "PUT", path, content=b"x") == (409, "illegal_transition")
