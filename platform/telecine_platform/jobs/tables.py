"""The three tables, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

metadata = sa.MetaData()


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """Aware UTC datetimes. SQLite drops the zone, so it is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC)


jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("spec", sa.JSON, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),
    sa.Column("epoch", sa.Integer, nullable=False, default=0),
    sa.Column("progress", sa.Integer, nullable=False, default=0),
    sa.Column("verdicts", sa.JSON, nullable=False),
    sa.Column("traceparent", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # Start of this stage's wait; available_at is later than it during a retry's back-off.
    sa.Column("queued_at", UtcDateTime, nullable=False),
    sa.Column("available_at", UtcDateTime, nullable=False),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("lease_owner", sa.String(128)),
    sa.Column("lease_expires_at", UtcDateTime),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("draft", sa.String(255)),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("clip", sa.JSON(none_as_null=True)),
    # Set when the caller deleted the job: its texts are blanked, the API no longer shows it.
    sa.Column("deleted_at", UtcDateTime),
    # Set when the left-over blobs of a finished job have been swept.
    sa.Column("swept_at", UtcDateTime),
    sa.Index("jobs_queue", "stage", "state", "available_at"),
    sa.Index("jobs_leases", "state", "lease_expires_at"),
    sa.Index("jobs_of_tenant", "tenant_id", "id"),
    sa.Index("jobs_to_sweep", "swept_at", "finished_at"),
    sa.Index("jobs_to_expire", "deleted_at", "finished_at"),
)

# Every state change of every job, kept for audit and measurement.
transitions = sa.Table(
    "transitions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("worker_id", sa.String(128)),
    sa.Column("reason", sa.String(500), nullable=False, default=""),
)

# Running totals for /metrics: counters that survive every replica.
stage_totals = sa.Table(
    "stage_totals",
    metadata,
    sa.Column("stage", sa.String(16), primary_key=True),
    sa.Column("outcome", sa.String(16), primary_key=True),
    sa.Column("num_jobs", sa.Integer, nullable=False),
    sa.Column("wait_s", sa.Double, nullable=False),
    sa.Column("work_s", sa.Double, nullable=False),
)
