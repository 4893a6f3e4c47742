"""A queue for each model: jobs and idle gangs say theirs, tenants have a place in each queue.

`tenant_queues` is made anew, because its key gets wider. Replicas of the version before read and
write it as they did: for them it has one row for each tenant, and the new columns have defaults.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_TIME = sa.DateTime(timezone=True)
_WAITS_FOR_GANG = sa.text("state = 'queued' AND stage = 'generation'")


def upgrade() -> None:
    for table in ("jobs", "workers"):
        model = sa.Column("model", sa.String(64), server_default="", nullable=False)
        op.add_column(table, model)
    jobs = sa.table(
        "jobs",
        *map(sa.column, ("id", "tenant_id", "model")),
        sa.column("spec", sa.JSON()),
    )
    asked_for = jobs.c.spec["model"].as_string()
    op.execute(sa.update(jobs).values(model=sa.func.coalesce(asked_for, "")))
    for name in ("jobs_oldest", "jobs_pressing", "jobs_shortest"):
        op.drop_index(name, table_name="jobs")
    _index_of_waiting("jobs_oldest", ["tenant_id", "model", "overdue_at"])
    _index_of_waiting("jobs_pressing", ["tenant_id", "model", "priority DESC", "start_by"])
    _index_of_waiting("jobs_shortest", ["tenant_id", "model", "priority DESC", "price_gpu_s", "id"])
    _give_places_a_model(jobs)


def _give_places_a_model(jobs: sa.TableClause) -> None:
    """A tenant keeps its weight, bound and charge in the queue of the model that it asked for last.

    One row for each tenant: workers of the version before expect no more. Which of its jobs come
    first is read anew when a process of this version starts.
    """
    old = sa.table(
        "tenant_queues",
        *map(sa.column, ("tenant_id", "weight", "max_running_gpu_s", "virtual_gpu_s")),
    )
    newest = sa.select(sa.func.max(jobs.c.id)).group_by(jobs.c.tenant_id)
    asked = jobs.c.id.in_(newest) & (jobs.c.tenant_id == old.c.tenant_id)
    places = sa.select(old, jobs.c.model).join(jobs, asked)
    rows = [dict(row) for row in op.get_bind().execute(places).mappings()]
    op.drop_table("tenant_queues")
    new = op.create_table(
        "tenant_queues",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(64), server_default="", nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("max_running_gpu_s", sa.Double()),
        sa.Column("virtual_gpu_s", sa.Double(), nullable=False),
        sa.Column("next_at", _TIME),
        sa.Column("priority", sa.Integer()),
        sa.Column("price_gpu_s", sa.Double()),
        sa.Column("start_by", _TIME),
        sa.Column("overdue_at", _TIME),
        sa.PrimaryKeyConstraint("tenant_id", "model"),
    )
    op.create_index("ix_tenant_queues_next_at", "tenant_queues", ["next_at"])
    op.create_index("ix_tenant_queues_virtual_gpu_s", "tenant_queues", ["virtual_gpu_s"])
    if rows:
        op.bulk_insert(new, rows)


def _index_of_waiting(name: str, columns: Sequence[str]) -> None:
    """An index of the jobs that wait for a gang; a column may say `DESC`."""
    expressions = [sa.text(column) for column in columns]
    op.create_index(
        name, "jobs", expressions,
        sqlite_where=_WAITS_FOR_GANG, postgresql_where=_WAITS_FOR_GANG,
    )  # fmt: skip
