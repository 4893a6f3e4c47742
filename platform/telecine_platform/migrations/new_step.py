"""Drafts the next step from what the tables in the code have and the last step does not.

For developers: `make migration NAME="keep prices"`. Read the draft, raise `HEAD` and try it.
"""

from __future__ import annotations

import sys
import tempfile

from alembic import command

from telecine_platform.jobs.database import Database
from telecine_platform.migrations import HEAD
from telecine_platform.migrations.upgrade import alembic_config


def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="telecine-migration-") as folder:
        database = Database(f"sqlite:///{folder}/jobs.db")
        database.create_tables(lambda _connection: None)
        number = f"{int(HEAD) + 1:04d}"
        with database.write() as connection:
            config = alembic_config(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.revision(config, name, autogenerate=True, rev_id=number)
        database.close()
    print(f"now set HEAD in telecine_platform/migrations/__init__.py to {number!r}")


if __name__ == "__main__":
    main(" ".join(sys.argv[1:]))
