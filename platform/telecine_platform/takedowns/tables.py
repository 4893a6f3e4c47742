"""The four tables of takedowns."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

claimants = sa.Table(
    "claimants",
    metadata,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("contact", sa.String(200), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # What was decided before does not limit it: set when an administrator verifies it.
    sa.Column("verified_at", UtcDateTime),
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("title", sa.String(200), nullable=False),
    sa.Column("entity_id", sa.String(128), nullable=False),
    sa.Column("names", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("filed_at", UtcDateTime, nullable=False),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("reference", sa.String(255)),
    # What released clips are searched for (`query.py`).
    sa.Column("query", sa.LargeBinary, nullable=False),
    # Whether the file has been looked at; there may be none.
    sa.Column("is_studied", sa.Boolean, nullable=False),
    sa.Column("reference_problem", sa.String(300)),
    sa.Column("searched_at", UtcDateTime),
    sa.Column("is_search_complete", sa.Boolean, nullable=False),
    sa.Column("max_clips", sa.Integer, nullable=False),
    sa.Index("claims_of_tenant", "tenant_id", "id"),
    sa.Index("claims_to_search", "is_search_complete", "state"),
)

# One row for each claim and each clip that it matches.
holds = sa.Table(
    "holds",
    metadata,
    sa.Column("claim_id", sa.String(64), sa.ForeignKey(claims.c.id), primary_key=True),
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("by", sa.String(16), nullable=False),
    sa.Column("found_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime),
    sa.Column("counter_text", sa.Text),
    sa.Column("answer_text", sa.Text),
    sa.Column("decided_at", UtcDateTime),
    sa.Index("holds_of_job", "job_id"),
    sa.Index("holds_of_tenant", "tenant_id", "job_id"),
    sa.Index("holds_due", "state", "due_at"),
)

# The files of each clip that is down, or was and is forgotten.
withdrawn_clips = sa.Table(
    "withdrawn_clips",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("keys", sa.JSON, nullable=False),
    sa.Column("withdrawn_at", UtcDateTime, nullable=False),
    # When its files left `results/`: from then on no link works.
    sa.Column("hidden_at", UtcDateTime, index=True),
    # When the evidence was deleted too.
    sa.Column("forgotten_at", UtcDateTime, index=True),
)
