"""The table of what is kept as evidence: one row for each job, until it is forgotten."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

kept_evidence = sa.Table(
    "kept_evidence",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("kept_at", UtcDateTime, nullable=False, index=True),
)
