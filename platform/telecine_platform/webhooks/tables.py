"""The two tables of webhooks. They lie beside the jobs, so that one transaction can end a job and
owe its event.
"""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

webhook_endpoints = sa.Table(
    "webhook_endpoints",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("event_types", sa.JSON, nullable=False),
    # Sealed (`vault.py`); the one before it signs too until its time is up.
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("old_secret", sa.Text),
    sa.Column("old_secret_ends_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    # Set when the endpoint said that it is gone: nothing more is sent to it.
    sa.Column("disabled_at", UtcDateTime),
    sa.Index("webhook_endpoints_of_tenant", "tenant_id", "id"),
)

# One row for each event and receiver. What is sent is made from it, so no prompt lies here.
webhook_deliveries = sa.Table(
    "webhook_deliveries",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    # None: the receiver is the job's own callback URL.
    sa.Column("endpoint_id", sa.String(64)),
    sa.Column("event_type", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # When it is due; a deliverer that takes it moves this on, so that it is taken again if lost.
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("status_code", sa.Integer),
    sa.Column("problem", sa.String(300)),
    sa.Index("webhook_deliveries_due", "state", "due_at"),
    sa.Index("webhook_deliveries_of_tenant", "tenant_id", "id"),
    sa.Index("webhook_deliveries_ended", "ended_at"),
)
