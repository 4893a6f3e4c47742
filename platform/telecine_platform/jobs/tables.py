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
    # How it is handled and reported (`JobTerms`); what queries ask for has a column of its own.
    sa.Column("terms", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("region", sa.String(64), nullable=False, server_default=""),
    sa.Column("model", sa.String(64), nullable=False, server_default=""),
    sa.Column("deadline_at", UtcDateTime),
    # What the generation that made the draft took, from its claim to its hand-over.
    sa.Column("generation_s", sa.Double),
    # Set when the left-over blobs of a finished job have been swept.
    sa.Column("swept_at", UtcDateTime),
    # When a clip that was taken down came back: its time to live begins anew.
    sa.Column("reinstated_at", UtcDateTime),
    # Workers that were lost while they had the job (`retry.py`).
    sa.Column("num_deaths", sa.Integer, nullable=False, server_default="0"),
    # What admission decided (`Admission`), and what GPUs the job holds and has used so far.
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("price_gpu_s", sa.Double, nullable=False, server_default="0"),
    sa.Column("start_by", UtcDateTime),
    sa.Column("overdue_at", UtcDateTime),
    sa.Column("num_gpus", sa.Integer, nullable=False, server_default="0"),
    sa.Column("used_gpu_s", sa.Double, nullable=False, server_default="0"),
    sa.Index("jobs_of_tenant", "tenant_id", "id"),
)

# The queues as claims and forecasts read them (`claim.py`, `tenant_queues.py`, `demand.py`):
# finished jobs are in none of them.
_is_queued = jobs.c.state == "queued"
_is_finished = jobs.c.finished_at.is_not(None)
_has_deadline = jobs.c.deadline_at.is_not(None) & jobs.c.finished_at.is_(None)
_waits_for_gang = _is_queued & (jobs.c.stage == "generation")
for _name, _columns, _condition in (
    ("jobs_in_line", (jobs.c.stage, jobs.c.priority.desc(), jobs.c.available_at), _is_queued),
    (
        "jobs_shortest",
        (
            jobs.c.tenant_id,
            jobs.c.model,
            jobs.c.priority.desc(),
            jobs.c.price_gpu_s,
            jobs.c.id,
        ),
        _waits_for_gang,
    ),
    (
        "jobs_pressing",
        (jobs.c.tenant_id, jobs.c.model, jobs.c.priority.desc(), jobs.c.start_by),
        _waits_for_gang,
    ),
    ("jobs_oldest", (jobs.c.tenant_id, jobs.c.model, jobs.c.overdue_at), _waits_for_gang),
    ("jobs_active", (jobs.c.tenant_id, jobs.c.stage, jobs.c.state), jobs.c.finished_at.is_(None)),
    ("jobs_overdue", (jobs.c.deadline_at,), _has_deadline),
    # What the reaper and reviewers look for (`due.py`, `held.py`, `quarantine.py`).
    ("jobs_leases", (jobs.c.lease_expires_at,), jobs.c.lease_expires_at.is_not(None)),
    ("jobs_held", (jobs.c.queued_at,), jobs.c.state == "held"),
    ("jobs_to_expire", (jobs.c.finished_at,), _is_finished & jobs.c.deleted_at.is_(None)),
    ("jobs_to_sweep", (jobs.c.finished_at,), _is_finished & jobs.c.swept_at.is_(None)),
    # What a lift looks for (`halts/stop.py`).
    ("jobs_halted", (jobs.c.id,), jobs.c.state == "halted"),
    ("jobs_deadly", (jobs.c.id,), jobs.c.num_deaths > 0),
):
    sa.Index(_name, *_columns, sqlite_where=_condition, postgresql_where=_condition)

# Each tenant's place in each model's queue, and its first jobs as `TenantQueue` has them.
tenant_queues = sa.Table(
    "tenant_queues",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("model", sa.String(64), primary_key=True, server_default=""),
    sa.Column("weight", sa.Double, nullable=False),
    sa.Column("max_running_gpu_s", sa.Double),
    sa.Column("virtual_gpu_s", sa.Double, nullable=False, index=True),
    # Null: nothing of the tenant's can be claimed, and the four columns below mean nothing.
    sa.Column("next_at", UtcDateTime, index=True),
    sa.Column("priority", sa.Integer),
    sa.Column("price_gpu_s", sa.Double),
    sa.Column("start_by", UtcDateTime),
    sa.Column("overdue_at", UtcDateTime),
)

# Idle workers, for forecasts.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("worker_id", sa.String(128), primary_key=True),
    sa.Column("stage", sa.String(16), nullable=False),
    # Of generation: the model that the gang holds.
    sa.Column("model", sa.String(64), nullable=False, server_default=""),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

# GPU-seconds that a tenant's jobs really held, by UTC day.
tenant_usage = sa.Table(
    "tenant_usage",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("used_gpu_s", sa.Double, nullable=False),
)

# What finished jobs taught about the catalogue's prices; shape "" stands for the whole model.
price_corrections = sa.Table(
    "price_corrections",
    metadata,
    sa.Column("model", sa.String(64), primary_key=True),
    sa.Column("shape", sa.String(64), primary_key=True),
    sa.Column("log_ratio", sa.Double, nullable=False),
    sa.Column("spread", sa.Double, nullable=False),
    sa.Column("num_jobs", sa.Integer, nullable=False),
)

# Creates that may come again: an Idempotency-Key, or the digest of a body that is folded.
tickets = sa.Table(
    "tickets",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("key_sha256", sa.String(64), primary_key=True),
    sa.Column("body_sha256", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(64), nullable=False, index=True),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
)

# Prompts that are screened without a job; each row goes with its answer.
previews = sa.Table(
    "previews",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False, index=True),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("taken_at", UtcDateTime),
    sa.Column("verdict", sa.JSON(none_as_null=True)),
)

# Refused prompts of each tenant, faded as of `counted_at` (`scheduling/refusals.py`).
refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("level", sa.Double, nullable=False),
    sa.Column("counted_at", UtcDateTime, nullable=False),
)

# When work that one process at a time does is due again (`turns.py`).
turns = sa.Table(
    "turns",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("next_at", UtcDateTime, nullable=False),
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
