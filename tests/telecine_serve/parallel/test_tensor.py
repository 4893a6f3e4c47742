from __future__ import annotations

import pytest

from tests.telecine_serve.parallel.gangs import GangReport


@pytest.mark.slow
@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        ("unknown", "attn9.to_q"),
        ("odd heads", "3 heads do not divide over 2 tensor-parallel"),
        ("wrong kind", "not a linear layer"),
        ("odd heads in sequence", "3 heads do not divide over 2 sequence-parallel"),
        ("axes", "does not fit the 2 ranks"),
    ],
)
def test_plan_that_does_not_fit_raises_before_anything_is_touched(
    two_ranks: list[GangReport], attempt: str, message: str
) -> None:
    for rank in two_ranks:
        assert message in rank.messages[attempt]


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["diffusers", "sequence"])
def test_norms_of_queries_and_keys_share_an_all_reduce(
    two_ranks: list[GangReport], processor: str
) -> None:
    """Per block: one for the norms and one for the output of each attention, one for the ffn."""
    assert [rank.num_reduces_from_processor[processor] for rank in two_ranks] == [10, 10]
