"""The table of halts. It lies beside the jobs, so that one transaction can halt and cancel."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

# A handful of rows in force at any time; lifted ones are kept for audit.
halts = sa.Table(
    "halts",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String(128), nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("lifted_at", UtcDateTime),
    sa.Column("lifted_by", sa.String(128)),
    sa.Index("halts_in_force", "lifted_at"),
)
