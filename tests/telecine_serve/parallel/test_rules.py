from __future__ import annotations

import pytest

from telecine_platform.errors import PlanError
from telecine_serve.parallel.rules import ShardRule, Split, shard_size, splits_from_rules

_NAMES = ("blocks.0.to_q", "blocks.1.to_q", "blocks.0.to_q.inner", "proj_out")


def test_rule_claims_every_module_of_its_name() -> None:
    splits = splits_from_rules(_NAMES, [ShardRule("blocks.*.to_q", Split.COLUMN)])

    assert splits == {"blocks.0.to_q": Split.COLUMN, "blocks.1.to_q": Split.COLUMN}


def test_rule_that_matches_nothing_raises() -> None:
    with pytest.raises(PlanError, match=r"blocks\.\*\.to_k.*matches no module"):
        splits_from_rules(_NAMES, [ShardRule("blocks.*.to_k", Split.COLUMN)])


def test_module_claimed_twice_raises() -> None:
    rules = [ShardRule("blocks.*.to_q", Split.COLUMN), ShardRule("*.to_q", Split.ROW)]

    with pytest.raises(PlanError, match="claimed twice"):
        splits_from_rules(_NAMES, rules)


def test_uneven_shards_raise() -> None:
    with pytest.raises(PlanError, match="5 heads do not divide over 2"):
        shard_size("blocks.0.attn1", "heads", 5, 2)
