from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.jobs.store import JobStore
from tests.telecine_platform.takedowns.scene import Scene


@pytest.fixture
def any_scene(jobs: JobStore, tmp_path: Path) -> Scene:
    """On either database."""
    return Scene(jobs, tmp_path)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """On SQLite alone: for what no database could do otherwise."""
    jobs = JobStore(f"sqlite:///{tmp_path / 'jobs.db'}")
    jobs.create_tables()
    yield Scene(jobs, tmp_path)
    jobs.close()
