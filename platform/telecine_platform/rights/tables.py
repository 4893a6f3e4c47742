"""The five tables of the rights store. They lie beside the jobs, so that one transaction can write
a job and its uses.
"""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

# One row for each change; the newest one names the registry in force.
registry_versions = sa.Table(
    "registry_versions",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    # Of the whole content, so that two installations can compare what they have.
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("who", sa.String(128), nullable=False),
    sa.Column("what", sa.String(500), nullable=False),
)

entities = sa.Table(
    "entities",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    # The tenant that grants and revokes; none: only an administrator can.
    sa.Column("owner_tenant_id", sa.String(64)),
    sa.Column("digest", sa.String(64), nullable=False),
    # The registry version that changed it last.
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("entities_of_owner", "owner_tenant_id", "id"),
)

# Who shares in an entity's revenue; without rows all of it is its owner's.
entity_shares = sa.Table(
    "entity_shares",
    metadata,
    sa.Column("entity_id", sa.String(128), sa.ForeignKey(entities.c.id), primary_key=True),
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("parts", sa.Integer, nullable=False),
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("entity_id", sa.String(128), sa.ForeignKey(entities.c.id), nullable=False),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("starts_at", UtcDateTime, nullable=False),
    sa.Column("ends_at", UtcDateTime),
    sa.Column("revoked_at", UtcDateTime),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Index("grants_of_entity", "entity_id", "id"),
    sa.Index("grants_of_tenant", "tenant_id", "id"),
)

# What each job was let through with, at the price of that moment. Kept when the job is deleted.
uses = sa.Table(
    "uses",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("grant_id", sa.String(64), primary_key=True),
    sa.Column("entity_id", sa.String(128), nullable=False),
    sa.Column("tenant_id", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("price", sa.String(40), nullable=False),  # decimal digits: SQLite has no decimals
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Index("uses_of_grant", "grant_id", "at", "job_id"),
    sa.Index("uses_of_entity", "entity_id", "job_id"),
)
