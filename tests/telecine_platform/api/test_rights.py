"""`/v1/rights`: from the claim to the grant, and who may do what."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.telecine_platform.api.rights_house import ZORB, RightsHouse, open_rights_house

ENTITIES, GRANTS = "/v1/rights/entities", "/v1/rights/grants"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path) as opened:
        yield opened


def register(house: RightsHouse) -> None:
    """The owner's claim, verified."""
    assert house.ask("owner", "POST", ENTITIES, json=ZORB).status_code == 200
    assert house.ask("boss", "POST", f"{ENTITIES}/blimp/verify").status_code == 200


def give(house: RightsHouse, **fields: Any) -> Any:
    body = {"id": "g1", "entity_id": "blimp", "tenant_id": "plain", **fields}
    response = house.ask("owner", "POST", GRANTS, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def test_claim_is_proposed_verified_disputed_and_withdrawn(house: RightsHouse) -> None:
    proposed = house.ask("owner", "POST", ENTITIES, json=ZORB).json()
    assert (proposed["status"], proposed["owner_tenant_id"]) == ("proposed", "owner")
    for who, verb, status in (
        ("boss", "verify", "verified"),
        ("owner", "dispute", "disputed"),
        ("boss", "verify", "verified"),
        ("owner", "withdraw", "withdrawn"),
    ):
        changed = house.ask(who, "POST", f"{ENTITIES}/blimp/{verb}").json()
        assert changed["status"] == status
    assert house.ask("owner", "GET", f"{ENTITIES}/blimp").json()["status"] == "withdrawn"


def test_entities_are_listed_with_cursor_and_filters(house: RightsHouse) -> None:
    register(house)
    first = house.ask("rival", "GET", ENTITIES, params={"limit": 1}).json()
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (["blimp"], True)
    rest = house.ask("rival", "GET", ENTITIES, params={"after": "blimp"}).json()
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (["zorbulon"], False)
    for params, ids in (
        ({"mine": True}, ["blimp"]),
        ({"name": "zorb"}, ["zorbulon"]),
        ({"kind": "person"}, []),
        ({"status": "verified"}, ["blimp", "zorbulon"]),
    ):
        listed = house.ask("owner", "GET", ENTITIES, params=params).json()
        assert [each["id"] for each in listed["data"]] == ids


def test_grant_is_made_listed_and_revoked(house: RightsHouse) -> None:
    register(house)
    made = give(house, price="1.50", currency="EUR", regions=["EU"])
    assert (made["price"], made["uses"], made["revoked_at"]) == ("1.50", ["video"], None)
    listed = house.ask("owner", "GET", GRANTS, params={"entity_id": "blimp"}).json()
    assert [each["id"] for each in listed["data"]] == ["g1"]
    revoked = house.ask("owner", "POST", f"{GRANTS}/g1/revoke").json()
    assert revoked["revoked_at"] is not None
    assert house.ask("owner", "POST", f"{GRANTS}/g1/revoke").json() == revoked
    assert house.ask("owner", "GET", f"{GRANTS}/g1/uses").json()["data"] == []


@pytest.mark.parametrize(
    ("who", "method", "path", "status"),
    [
        ("plain", "GET", ENTITIES, 403),
        ("support", "GET", ENTITIES, 403),
        ("owner", "GET", ENTITIES, 200),
        ("boss", "GET", ENTITIES, 200),
        ("owner", "POST", f"{ENTITIES}/blimp/verify", 403),
        ("rival", "POST", f"{ENTITIES}/blimp/dispute", 403),
        ("rival", "POST", f"{ENTITIES}/blimp/withdraw", 403),
        ("rival", "POST", f"{ENTITIES}/zorbulon/withdraw", 403),
        ("rival", "POST", f"{GRANTS}/g1/revoke", 404),
        ("rival", "GET", f"{GRANTS}/g1/uses", 404),
        ("rival", "GET", f"{ENTITIES}/blimp/uses", 403),
        ("owner", "GET", f"{ENTITIES}/blimp/uses", 200),
        ("plain", "GET", GRANTS, 403),
        ("owner", "GET", "/v1/rights/export", 403),
        ("owner", "POST", "/v1/rights/import", 403),
        ("owner", "GET", "/v1/reviews", 403),
        ("plain", "GET", "/v1/reviews", 403),
        ("support", "GET", "/v1/reviews", 200),
        ("boss", "GET", "/v1/reviews", 200),
        ("support", "GET", "/v1/videos", 403),
        ("support", "POST", "/v1/screenings", 403),
        ("owner", "POST", "/v1/videos", 403),
        ("owner", "GET", "/v1/videos", 200),
        ("plain", "GET", "/v1/videos", 200),
        ("plain", "GET", "/v1/models", 200),
    ],
)
def test_each_scope_opens_its_own_doors(
    house: RightsHouse, who: str, method: str, path: str, status: int
) -> None:
    register(house)
    give(house)
    response = house.ask(who, method, path)
    assert response.status_code == status, response.text
    if status == 403:
        assert response.json()["error"]["type"] == "permission_error"
    if status == 404:
        unknown = house.ask(who, method, path.replace("g1", "g9"))
        assert unknown.text.replace("g9", "g1") == response.text


def test_grants_of_others_are_not_listed(house: RightsHouse) -> None:
    register(house)
    give(house)
    give(house, id="g2", tenant_id="rival")
    listed = house.ask("rival", "GET", GRANTS).json()["data"]
    assert [each["id"] for each in listed] == ["g2"]
    assert (
        house.code("rival", "POST", GRANTS, json={"entity_id": "blimp", "tenant_id": "rival"})[0]
        == 403
    )
    assert house.code("rival", "POST", f"{GRANTS}/g2/revoke") == (403, "forbidden")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"price": "2"}, 400, "contradictory_grant"),
        ({"id": "g1", "tenant_id": "other"}, 400, "grant_exists"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 400, "invalid_value"),
        (
            {"starts_at": "2031-01-02T00:00:00Z", "ends_at": "2031-01-01T00:00:00Z"},
            400,
            "invalid_value",
        ),
        ({"entity_id": "nobody"}, 404, "not_found"),
        ({"price": "-1"}, 400, "invalid_value"),
        ({"price": "NaN"}, 400, "invalid_value"),
        ({"currency": "dollars"}, 400, "invalid_value"),
        ({"starts_at": "2031-01-02T00:00:00"}, 400, "invalid_value"),
        ({"tenant_id": "a b"}, 400, "invalid_value"),
        ({"uses": []}, 400, "invalid_value"),
        ({"colour": "red"}, 400, "unknown_parameter"),
        ({"tenant_id": None}, 400, "invalid_type"),
    ],
)
def test_impossible_grant_is_refused(
    house: RightsHouse, changes: dict[str, Any], status: int, code: str
) -> None:
    register(house)
    give(house)
    before = house.rights.current_version()
    body = {"entity_id": "blimp", "tenant_id": "plain", **changes}
    assert house.code("owner", "POST", GRANTS, json=body) == (status, code)
    assert house.rights.current_version() == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"status": "verified"}, "unknown_parameter"),
        ({"clear_names": ["Blimpo"]}, "invalid_value"),
        ({"id": "zorbulon"}, "entity_exists"),
        ({"id": "a b"}, "invalid_value"),
        ({"kind": "robot"}, "invalid_value"),
        ({"name": "  "}, "invalid_value"),
        ({"ambiguous": True}, "invalid_value"),
        ({"term_starts_on": "2030-01-01", "term_ends_on": "2020-01-01"}, "invalid_value"),
        ({"face_embedding": [1.0]}, "invalid_value"),
        ({"reference_hashes": ["xyz"]}, "invalid_value"),
        ({"owner_tenant_id": "rival"}, "forbidden"),
    ],
)
def test_impossible_claim_is_refused(
    house: RightsHouse, changes: dict[str, Any], code: str
) -> None:
    before = house.rights.current_version()
    assert house.code("owner", "POST", ENTITIES, json=ZORB | changes)[1] == code
    assert house.rights.current_version() == before


def test_face_embedding_comes_in_and_does_not_go_out(house: RightsHouse) -> None:
    body = ZORB | {"kind": "person", "face_embedding": [0.123456] * 128}
    text = house.ask("owner", "POST", ENTITIES, json=body).text
    assert ("has_face_embedding" in text, "0.123456" in text) == (True, False)


def test_export_is_imported_elsewhere_and_a_spoilt_one_refused_whole(
    house: RightsHouse, caplog: pytest.LogCaptureFixture
) -> None:
    register(house)
    exported = house.ask("boss", "GET", "/v1/rights/export")
    assert exported.headers["content-type"] == "application/jsonl"
    with caplog.at_level(logging.INFO):
        imported = house.ask("boss", "POST", "/v1/rights/import", content=exported.content).json()
    assert (imported["num_changed"], imported["registry_version"]) == (
        0,
        house.rights.current_version(),
    )
    assert "Blimpo" not in caplog.text
    spoilt = exported.content.replace(b"Blimpo", b"Blompo")
    unsigned = exported.content.rpartition(b'{"key"')[0]
    for content in (spoilt, unsigned, b"", b"\xff" * 50):
        refused = house.code("boss", "POST", "/v1/rights/import", content=content)
        assert refused == (400, "registry_refused")
    assert house.rights.current_version() == imported["registry_version"]
    enormous = house.code("boss", "POST", "/v1/rights/import", content=b"x" * (17 * 1024 * 1024))
    assert enormous == (413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{ENTITIES}/a%00b"),
        ("GET", f"{ENTITIES}/%F0%9F%90%AD"),
        ("GET", f"{ENTITIES}?name=%00"),
        ("GET", f"{ENTITIES}?after=%00"),
        ("GET", f"{ENTITIES}?limit=101"),
        ("GET", f"{ENTITIES}?status=open"),
        ("POST", f"{GRANTS}/a%00b/revoke"),
        ("GET", "/v1/reviews/video_1"),
    ],
)
def test_ids_that_cannot_be_do_not_reach_the_database(
    house: RightsHouse, method: str, path: str
) -> None:
    assert house.ask("boss", method, path).status_code == 400
