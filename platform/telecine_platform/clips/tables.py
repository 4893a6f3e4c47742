"""The table of released clips' fingerprints."""

from __future__ import annotations

import sqlalchemy as sa

from telecine_platform.jobs.tables import UtcDateTime, metadata

# Written before the release, so a row counts only where the job was released in this epoch.
released_clips = sa.Table(
    "released_clips",
    metadata,
    sa.Column("job_id", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    # PDQ of the sampled frames: 32 bytes each, most significant byte first.
    sa.Column("hashes", sa.LargeBinary, nullable=False),
    sa.Column("released_at", UtcDateTime, nullable=False, index=True),
)
