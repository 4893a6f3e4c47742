"""The gangs that several test files ask: each is spawned once per session."""

from __future__ import annotations

import pytest

from tests.ranks import run_ranks
from tests.telecine_serve.parallel.gangs import GangReport, report


@pytest.fixture(scope="session")
def two_ranks() -> list[GangReport]:
    """What each of two ranks found."""
    return run_ranks(report, 2)


@pytest.fixture(scope="session")
def four_ranks() -> list[GangReport]:
    """What each of four ranks found."""
    return run_ranks(report, 4, timeout_s=280)
