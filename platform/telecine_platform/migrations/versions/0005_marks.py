"""Each released clip's mark, file hash, registry version and licences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("released_clips", sa.Column("mark_id", sa.BigInteger()))
    op.add_column("released_clips", sa.Column("file_sha256", sa.String(64)))
    op.add_column("released_clips", sa.Column("registry_version", sa.String(128)))
    op.add_column("released_clips", sa.Column("grants", sa.JSON()))
    op.create_index("released_clips_of_mark", "released_clips", ["mark_id"], unique=True)
