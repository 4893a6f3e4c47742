"""`/v1/rights/statements` on a running API, held against the ledger's rows."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction

import pytest

from telecine_platform.ledger.seal import seal_batch
from telecine_platform.ledger.store import Ledger
from telecine_platform.records import Stage
from tests.records import verdict
from tests.telecine_platform.api.rights_house import ZORB, RightsHouse, open_rights_house

NOW = datetime.now(UTC)
PERIOD = f"{NOW:%Y-%m}"
GRANT = {"id": "lic", "entity_id": "blimp", "tenant_id": "rival", "price": "0.35"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RightsHouse]:
    """`owner` has an entity, `rival` a licence; three videos use it, two are released."""
    with open_rights_house(tmp_path_factory.mktemp("statements")) as opened:
        for who, method, path, body in (
            ("owner", "POST", "/v1/rights/entities", ZORB),
            ("boss", "POST", "/v1/rights/entities/blimp/verify", {}),
            ("owner", "PUT", "/v1/rights/entities/blimp/shares", {"shares": {"owner": 2, "co": 1}}),
            ("owner", "POST", "/v1/rights/grants", GRANT),
        ):
            assert opened.code(who, method, path, json=body) == (200, "")
        for _ in range(3):
            made = opened.ask("rival", "POST", "/v1/videos", json={"prompt": "a fox"})
            assert made.status_code == 200
            job = opened.house.stages.claim(Stage.SCREENING)
            assert job is not None
            opened.jobs.hand_over(job, verdict(grants_used=("lic",)), datetime.now(UTC))
        opened.ask("rival", "POST", f"/v1/videos/{made.json()['id']}/cancel")
        opened.house.stages.work_off()
        seal_batch(opened.jobs.database)
        yield opened


def recomputed_minor(house: RightsHouse, holders: list[str]) -> dict[str, Fraction]:
    """Each holder's exact due, from the rows' JSON alone: nothing of the code under test."""
    rows = [
        json.loads(entry.body) | {"row": entry} for entry in Ledger(house.jobs.database).entries()
    ]
    released = {row["row"].subject for row in rows if row["row"].kind == "release"}
    due = dict.fromkeys(holders, Fraction(0))
    for row in rows:
        if row["row"].kind == "licence-use" and row["row"].subject in released:
            for holder, parts in row["shares"].items():
                due[holder] += Fraction(row["price_minor"] * parts, sum(row["shares"].values()))
    return due


def test_statements_are_what_the_ledger_adds_up_to(house: RightsHouse) -> None:
    due = recomputed_minor(house, ["owner", "co"])
    assert due == {"owner": Fraction(140, 3), "co": Fraction(70, 3)}
    amounts = {}
    for holder in due:
        path = f"/v1/rights/statements?period={PERIOD}&holder={holder}"
        statement = house.ask("boss", "GET", path).json()
        (line,), (total,) = statement["lines"], statement["totals"]
        assert (line["num_uses"], line["total_minor"], line["currency"]) == (2, 70, "USD")
        assert total["amount_minor"] == line["amount_minor"]
        assert abs(total["amount_minor"] - due[holder]) < 1
        amounts[holder] = total["amount_minor"]
        head = Ledger(house.jobs.database).head()
        assert head is not None
        assert (statement["ledger_number"], statement["ledger_hash"]) == (head.number, head.hash)
        assert not statement["is_final"]
    assert sum(amounts.values()) == 70


def test_csv_says_the_same(house: RightsHouse) -> None:
    response = house.ask("owner", "GET", f"/v1/rights/statements.csv?period={PERIOD}")
    assert response.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(response.text.splitlines())
    line = house.ask("owner", "GET", f"/v1/rights/statements?period={PERIOD}").json()["lines"][0]
    assert row == {"holder": "owner", "period": PERIOD} | {k: str(v) for k, v in line.items()}


def test_nobody_sees_a_stranger_s_statement_or_shares(house: RightsHouse) -> None:
    path = f"/v1/rights/statements?period={PERIOD}"
    assert house.code("rival", "GET", f"{path}&holder=owner") == (403, "forbidden")
    assert house.ask("rival", "GET", path).json()["lines"] == []
    assert house.code("plain", "GET", path)[0] == 403
    shares = "/v1/rights/entities/blimp/shares"
    assert house.code("rival", "GET", shares) == (403, "forbidden")
    assert house.code("rival", "PUT", shares, json={"shares": {"rival": 1}}) == (403, "forbidden")


@pytest.mark.parametrize("shares", [{"a": 0}, {"a": -1}, {"a": 1.5}, {"a b": 1}, {"a": 10**7}])
def test_impossible_shares_are_refused(house: RightsHouse, shares: dict[str, object]) -> None:
    path = "/v1/rights/entities/blimp/shares"
    assert house.code("owner", "PUT", path, json={"shares": shares})[0] == 400
    assert house.ask("owner", "GET", path).json()["shares"] == {"owner": 2, "co": 1}


def test_price_that_cannot_be_paid_is_refused(house: RightsHouse) -> None:
    fine = GRANT | {"id": "fine", "tenant_id": "plain", "price": "0.005"}
    assert house.code("owner", "POST", "/v1/rights/grants", json=fine) == (400, "price_too_fine")
    yen = fine | {"price": "1.50", "currency": "JPY"}
    assert house.code("owner", "POST", "/v1/rights/grants", json=yen) == (400, "price_too_fine")
