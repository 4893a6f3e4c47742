"""The load test of several moderation replicas measures real ones that share the work."""

from __future__ import annotations

import pytest

from loadtests.moderation_replicas import replica_rates


@pytest.mark.slow
def test_replicas_share_the_clips_and_release_each_once() -> None:
    settings = {"size_px": [64, 64], "seconds": 0.5, "checks": ""}

    result = replica_rates((2,), 8, settings)

    (row,) = result["rates"]
    assert (row["replicas"], row["released"]) == (2, 8)
    assert sum(row["clips_by_replica"]) == 8
    assert len(row["clips_by_replica"]) == 2
    assert row["clips_per_s"] > 0
    assert result["times_the_first"] == [1.0]
