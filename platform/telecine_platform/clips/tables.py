"""The table of released clips: fingerprint, mark and what they were made under."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

# Written in the transaction that releases the job. Older rows were written before it, so a row
# counts only where the job was released in this epoch.
released_clips = sa.Table(
    "released_clips",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    # PDQ of the sampled frames: 32 bytes each, most significant byte first.
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("released_at", UtcDateTime, nullable=False, index=True),
    # Null: released before clips were marked.
    sa.Column("mark_id", sa.BigInteger),
    sa.Column("file_sha256", sa.String(64)),
    sa.Column("registry_version", sa.String(128)),
    sa.Column("grants", sa.JSON),
    sa.Index("released_clips_of_mark", "mark_id", unique=True),
)
