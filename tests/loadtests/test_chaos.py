"""Half a minute of the chaos run: long enough for each kind of blow, short enough for every run."""

from __future__ import annotations

import pytest

from loadtests.chaos import run
from tests.postgres_server import postgres_bin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(280),
    pytest.mark.skipif(postgres_bin() is None, reason="no PostgreSQL on this machine"),
]


def test_no_accepted_job_is_lost_or_ends_twice() -> None:
    outcome = run(lasts_s=25, seed=4)
    assert outcome.findings.faults == []
    assert outcome.findings.num_accepted > 20
    assert sum(outcome.blows.values()) > 5
