"""The chaos run until every kind of blow has been dealt: by count, not by time."""

from __future__ import annotations

from collections import Counter

import pytest

from loadtests.chaos import run
from tests.postgres_server import postgres_bin

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(postgres_bin() is None, reason="no PostgreSQL on this machine"),
]
AT_MOST_S = 150.0


def has_had_everything(blows: Counter[str], num_accepted: int) -> bool:
    kinds = {name.rpartition("-")[0] or name for name in blows}
    return num_accepted > 20 and kinds > {"killed api", "killed postgres", "paused generation"}


def test_no_accepted_job_is_lost_or_ends_twice() -> None:
    outcome = run(AT_MOST_S, seed=4, is_enough=has_had_everything)
    assert outcome.findings.faults == []
    assert has_had_everything(Counter(outcome.blows), outcome.findings.num_accepted)
