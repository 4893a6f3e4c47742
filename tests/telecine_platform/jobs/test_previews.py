"""Previews: asked by the API, answered by one replica, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.previews import Preview, Previews
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import previews
from telecine_safeguards.verdict import Action
from tests.records import at, verdict

ASKED = Preview(
    tenant_id="acme", prompt="a man of steel", negative_prompt="", use="video", region="EU"
)


def test_preview_goes_to_one_replica_and_its_text_with_the_answer(jobs: JobStore) -> None:
    asked = Previews(jobs.database)
    preview_id = asked.ask(ASKED, wait_s=10, now=at(0))

    assert asked.take(at(1)) == (preview_id, ASKED)
    assert asked.take(at(1)) is None
    assert asked.collect(preview_id) is None
    asked.answer(preview_id, verdict(Action.BLOCK))
    with jobs.database.read() as connection:
        assert connection.execute(sa.select(previews.c.request)).scalar_one() == {}
    assert asked.collect(preview_id) == verdict(Action.BLOCK)
    assert asked.collect(preview_id) is None


def test_nobody_takes_a_preview_that_nobody_waits_for(jobs: JobStore) -> None:
    asked = Previews(jobs.database)
    asked.ask(ASKED, wait_s=10, now=at(0))

    assert asked.take(at(10)) is None
    asked.withdraw(asked.ask(ASKED, wait_s=10, now=at(11)))
    assert asked.take(at(11)) is None
    with jobs.database.read() as connection:
        assert connection.execute(sa.select(previews)).all() == []
