"""Prices, fair shares and quotas, deadlines, deaths, idempotent creates, halts, webhooks, previews.

The indexes of queues and of what the reaper looks for become partial: finished jobs are in none.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "halts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.String(128), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("who", sa.String(128), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("lifted_at", _TIME),
        sa.Column("lifted_by", sa.String(128)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("halts_in_force", "halts", ["lifted_at"])
    op.create_table(
        "previews",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("taken_at", _TIME),
        sa.Column("verdict", sa.JSON()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_previews_asked_at", "previews", ["asked_at"])
    op.create_table(
        "price_corrections",
        sa.Column("model", sa.String(64), nullable=False),
        sa.Column("shape", sa.String(64), nullable=False),
        sa.Column("log_ratio", sa.Double(), nullable=False),
        sa.Column("spread", sa.Double(), nullable=False),
        sa.Column("num_jobs", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("model", "shape"),
    )
    op.create_table(
        "tenant_queues",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("max_running_gpu_s", sa.Double()),
        sa.Column("virtual_gpu_s", sa.Double(), nullable=False),
        sa.Column("next_at", _TIME),
        sa.Column("priority", sa.Integer()),
        sa.Column("price_gpu_s", sa.Double()),
        sa.Column("start_by", _TIME),
        sa.Column("overdue_at", _TIME),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.create_index("ix_tenant_queues_next_at", "tenant_queues", ["next_at"])
    op.create_index("ix_tenant_queues_virtual_gpu_s", "tenant_queues", ["virtual_gpu_s"])
    op.create_table(
        "tenant_usage",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("used_gpu_s", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "day"),
    )
    op.create_table(
        "tickets",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("key_sha256", sa.String(64), nullable=False),
        sa.Column("body_sha256", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "key_sha256"),
    )
    op.create_index("ix_tickets_expires_at", "tickets", ["expires_at"])
    op.create_index("ix_tickets_job_id", "tickets", ["job_id"])
    op.create_table(
        "turns",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("next_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("endpoint_id", sa.String(64)),
        sa.Column("event_type", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("status_code", sa.Integer()),
        sa.Column("problem", sa.String(300)),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_deliveries_due", "webhook_deliveries", ["state", "due_at"])
    op.create_index("webhook_deliveries_ended", "webhook_deliveries", ["ended_at"])
    op.create_index("webhook_deliveries_of_tenant", "webhook_deliveries", ["tenant_id", "id"])
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("event_types", sa.JSON(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("old_secret", sa.Text()),
        sa.Column("old_secret_ends_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("disabled_at", _TIME),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("webhook_endpoints_of_tenant", "webhook_endpoints", ["tenant_id", "id"])
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.String(128), nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )
    op.add_column("jobs", sa.Column("terms", sa.JSON(), server_default="{}", nullable=False))
    op.add_column("jobs", sa.Column("region", sa.String(64), server_default="", nullable=False))
    op.add_column("jobs", sa.Column("deadline_at", _TIME))
    op.add_column("jobs", sa.Column("generation_s", sa.Double()))
    op.add_column("jobs", sa.Column("num_deaths", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("price_gpu_s", sa.Double(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("start_by", _TIME))
    op.add_column("jobs", sa.Column("overdue_at", _TIME))
    op.add_column("jobs", sa.Column("num_gpus", sa.Integer(), server_default="0", nullable=False))
    op.add_column("jobs", sa.Column("used_gpu_s", sa.Double(), server_default="0", nullable=False))
    op.drop_index("jobs_queue", table_name="jobs")
    op.drop_index("jobs_leases", table_name="jobs")
    _partial_index("jobs_leases", ["lease_expires_at"], "lease_expires_at IS NOT NULL")
    op.drop_index("jobs_to_expire", table_name="jobs")
    _partial_index(
        "jobs_to_expire", ["finished_at"], "finished_at IS NOT NULL AND deleted_at IS NULL"
    )
    op.drop_index("jobs_to_sweep", table_name="jobs")
    _partial_index("jobs_to_sweep", ["finished_at"], "finished_at IS NOT NULL AND swept_at IS NULL")
    _partial_index("jobs_active", ["tenant_id", "stage", "state"], "finished_at IS NULL")
    _partial_index("jobs_deadly", ["id"], "num_deaths > 0")
    _partial_index("jobs_halted", ["id"], "state = 'halted'")
    _partial_index("jobs_held", ["queued_at"], "state = 'held'")
    _partial_index("jobs_in_line", ["stage", "priority DESC", "available_at"], "state = 'queued'")
    _partial_index(
        "jobs_oldest", ["tenant_id", "overdue_at"], "state = 'queued' AND stage = 'generation'"
    )
    _partial_index(
        "jobs_overdue", ["deadline_at"], "deadline_at IS NOT NULL AND finished_at IS NULL"
    )
    _partial_index(
        "jobs_pressing",
        ["tenant_id", "priority DESC", "start_by"],
        "state = 'queued' AND stage = 'generation'",
    )
    _partial_index(
        "jobs_shortest",
        ["tenant_id", "priority DESC", "price_gpu_s", "id"],
        "state = 'queued' AND stage = 'generation'",
    )


def _partial_index(name: str, columns: Sequence[str], condition: str) -> None:
    """An index of the jobs for which `condition` holds; a column may say `DESC`."""
    where = sa.text(condition)
    expressions = [sa.text(column) for column in columns]
    op.create_index(name, "jobs", expressions, sqlite_where=where, postgresql_where=where)
