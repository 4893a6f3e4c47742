"""The two tables of the ledger: what waits to be sealed, and the chain."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

# Filled in the transaction of the fact, without waiting for anybody; emptied by the sealer.
ledger_outbox = sa.Table(
    "ledger_outbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

# Only ever inserted into. Give the application's role no UPDATE and DELETE on it (docs/ledger.md).
ledger = sa.Table(
    "ledger",
    metadata,
    sa.Column(
        "number",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Index("ledger_of_kind", "kind", "at"),
    sa.Index("ledger_of_subject", "subject", "kind"),
)
