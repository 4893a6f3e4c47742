"""Screenings without a job: a replica answers the API, through the database alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from telecine_platform.clock import utc_now
from telecine_platform.jobs.previews import Preview, Previews
from telecine_platform.jobs.tables import previews
from telecine_safeguards.verdict import Action, Verdict
from telecine_serve.apps.previews import PreviewAnswers
from tests.records import verdict
from tests.telecine_platform.api.rights_house import RightsHouse, open_rights_house

BODY = {"prompt": "a man of steel", "use": "advertising", "region": "EU"}


class Refusing:
    """A screen that refuses whatever it sees, and remembers it."""

    def __init__(self) -> None:
        self.seen: list[Preview] = []

    def screen(self, *, now: datetime | None, **asked: str) -> Verdict:
        self.seen.append(Preview(**asked))
        return verdict(Action.BLOCK)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[RightsHouse]:
    with open_rights_house(tmp_path, request_regions="EU") as opened:
        yield opened


def test_replica_answers_with_every_check(house: RightsHouse) -> None:
    screen, database = Refusing(), house.jobs.database
    answers = PreviewAnswers(Previews(database), lambda: screen, poll_s=0.02, clock=utc_now)
    try:
        answer = house.ask("plain", "POST", "/v1/screenings", json=BODY).json()
    finally:
        answers.close()

    assert (answer["would_pass"], answer["checks"]) == (False, ["names", "harms", "descriptions"])
    assert [(each.tenant_id, each.use, each.region) for each in screen.seen] == [
        ("plain", "advertising", "EU")
    ]
    with database.read() as connection:
        assert connection.execute(sa.select(previews)).all() == []
