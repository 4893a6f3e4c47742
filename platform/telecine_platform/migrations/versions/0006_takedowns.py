"""Takedowns: claimants, claims, their holds on clips, and the clips that are down."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("jobs", sa.Column("reinstated_at", _TIME))
    op.create_table(
        "claimants",
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("contact", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("verified_at", _TIME),
        sa.PrimaryKeyConstraint("tenant_id"),
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("entity_id", sa.String(128), nullable=False),
        sa.Column("names", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("filed_at", _TIME, nullable=False),
        sa.Column("decided_at", _TIME),
        sa.Column("reference", sa.String(255)),
        sa.Column("query", sa.LargeBinary(), nullable=False),
        sa.Column("is_studied", sa.Boolean(), nullable=False),
        sa.Column("reference_problem", sa.String(300)),
        sa.Column("searched_at", _TIME),
        sa.Column("is_search_complete", sa.Boolean(), nullable=False),
        sa.Column("max_clips", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("claims_of_tenant", "claims", ["tenant_id", "id"])
    op.create_index("claims_to_search", "claims", ["is_search_complete", "state"])
    op.create_table(
        "holds",
        sa.Column("claim_id", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("tenant_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("found_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME),
        sa.Column("counter_text", sa.Text()),
        sa.Column("answer_text", sa.Text()),
        sa.Column("decided_at", _TIME),
        sa.ForeignKeyConstraint(["claim_id"], ["claims.id"]),
        sa.PrimaryKeyConstraint("claim_id", "job_id"),
    )
    op.create_index("holds_of_job", "holds", ["job_id"])
    op.create_index("holds_of_tenant", "holds", ["tenant_id", "job_id"])
    op.create_index("holds_due", "holds", ["state", "due_at"])
    op.create_table(
        "withdrawn_clips",
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.Column("withdrawn_at", _TIME, nullable=False),
        sa.Column("hidden_at", _TIME),
        sa.Column("forgotten_at", _TIME),
        sa.PrimaryKeyConstraint("job_id"),
    )
    op.create_index("ix_withdrawn_clips_hidden_at", "withdrawn_clips", ["hidden_at"])
    op.create_index("ix_withdrawn_clips_forgotten_at", "withdrawn_clips", ["forgotten_at"])
