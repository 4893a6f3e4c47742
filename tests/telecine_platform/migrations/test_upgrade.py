"""Every database becomes the schema of the code, with its rows, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from telecine_platform.errors import SchemaMismatch, StoreUnavailable
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.store import JobStore
from telecine_platform.migrations import HEAD
from telecine_platform.migrations.schema import metadata
from telecine_platform.migrations.upgrade import FIRST, alembic_config, upgrade
from telecine_platform.records import JobState, Stage
from tests.records import at, spec, verdict

OLD_JOB = {
    "tenant_id": "acme", "attempt": 0, "epoch": 0, "progress": 0, "verdicts": "[]",
    "traceparent": "", "created_at": at(0), "queued_at": at(0), "available_at": at(0),
    "stage": "screening",
    "spec": '{"model": "embedded", "prompt": "a red circle moves right", "negative_prompt": "",'
    ' "width_px": 64, "height_px": 64, "num_frames": 17, "fps": 8, "num_steps": 12,'
    ' "guidance_scale": 3.0, "seed": 7}',
}  # fmt: skip


@pytest.fixture
def database(empty_database_url: str) -> Iterator[Database]:
    opened = Database(empty_database_url)
    yield opened
    opened.close()


def shape(connection: sa.Connection) -> dict[str, object]:
    """What can be seen of every table; defaults apart, which only old rows needed."""
    inspector = sa.inspect(connection)
    return {
        name: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in inspector.get_columns(name)
            },
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "foreign": sorted(
                key["constrained_columns"] for key in inspector.get_foreign_keys(name)
            ),
            "indexes": sorted(map(_index, inspector.get_indexes(name))),
        }
        for name in inspector.get_table_names()
        if name != "alembic_version"
    }


def _index(index: Mapping[str, Any]) -> str:  # Any: as SQLAlchemy reflects it
    columns = index.get("expressions", index["column_names"])
    conditions = [str(where) for where in index.get("dialect_options", {}).values()]
    return f"{index['name']} {columns} {index.get('column_sorting')} {conditions}"


def put_old_job(connection: sa.Connection, **values: object) -> None:
    columns = OLD_JOB | values
    table = sa.table("jobs", *(sa.column(name) for name in columns))
    connection.execute(sa.insert(table).values(columns))


def test_upgraded_database_has_the_tables_of_the_code(database: Database) -> None:
    """If this fails: `make migration NAME="what changed"`."""
    with database.write() as connection:
        upgrade(connection)
        upgraded = shape(connection)
        metadata.drop_all(connection)
        metadata.create_all(connection)
        assert upgraded == shape(connection)


def test_head_is_the_newest_step() -> None:
    config = alembic_config(None)
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_rows_of_version_0_1_0_live_on(database: Database, empty_database_url: str) -> None:
    with database.write() as connection:
        command.upgrade(alembic_config(connection), FIRST)
        connection.execute(sa.text("DROP TABLE alembic_version"))  # 0.1.0 had none
        put_old_job(connection, id="video_1", state="queued")
        put_old_job(
            connection, id="video_2", state="failed", finished_at=at(9),
            error='{"code": "worker_lost", "message": "Lost."}',
        )  # fmt: skip
    jobs = JobStore(empty_database_url)
    jobs.create_tables()
    assert database.revision() == HEAD
    old = jobs.get("video_1", "acme")
    assert (old.spec, old.num_deaths, old.created_at) == (spec(), 0, at(0))
    assert jobs.get("video_2", "acme").state is JobState.FAILED
    for stage in (Stage.SCREENING, Stage.GENERATION):
        job = jobs.claim(stage, "w", 15, at(20))
        assert job is not None
        assert job.id == "video_1"
        jobs.hand_over(job, verdict(), at(11))
    jobs.close()


def test_queues_of_one_model_become_that_models(
    database: Database, empty_database_url: str
) -> None:
    """From the step before models had queues: the job is found, the tenant's charge is kept."""
    with database.write() as connection:
        command.upgrade(alembic_config(connection), "0006")
        put_old_job(
            connection, id="video_0", state="failed", finished_at=at(9),
            spec=str(OLD_JOB["spec"]).replace("embedded", "wan2.1-t2v-14b"),
        )  # fmt: skip
        put_old_job(connection, id="video_1", state="queued", stage="generation")
        tenant = {"tenant_id": "acme", "weight": 3.0, "virtual_gpu_s": 26.0}
        old = sa.table("tenant_queues", *map(sa.column, tenant))
        connection.execute(sa.insert(old).values(tenant))
    jobs = JobStore(empty_database_url)
    jobs.create_tables()
    with database.read() as connection:
        (row,) = connection.execute(sa.select(metadata.tables["tenant_queues"]))
    assert (row.model, row.weight) == ("embedded", 3.0)
    assert row.virtual_gpu_s >= 26.0
    assert jobs.claim(Stage.GENERATION, "w", 15, at(20), model="wan2.1-t2v-14b") is None
    assert jobs.claim(Stage.GENERATION, "w", 15, at(20), model="embedded") is not None
    jobs.close()


def test_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.write() as connection:
        upgrade(connection)
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaMismatch, match=f"9999.*{HEAD} at most"), database.write() as again:
        upgrade(again)


def test_failed_step_leaves_nothing_behind(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("CREATE TABLE tickets (half INTEGER)"))
    # SQLite calls this an operational error, as it does a database that is away.
    refused = (sa.exc.ProgrammingError, StoreUnavailable)
    with pytest.raises(refused), database.write() as connection:
        upgrade(connection)
    with database.read() as connection:
        assert sa.inspect(connection).get_table_names() == ["tickets"]
