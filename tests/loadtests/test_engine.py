from __future__ import annotations

import pytest
from click.testing import CliRunner

from loadtests.engine import Options, main, measure

pytestmark = pytest.mark.slow


def test_one_rank_is_measured_and_equals_itself() -> None:
    options = Options(num_layers=1, num_heads=2, head_dim=32, num_frames=2, side=8, num_steps=1)

    measured = measure("one rank", options)

    assert measured.num_tokens == 2 * 4 * 4
    assert measured.cpu_s_per_step > 0
    assert measured.collective_s_per_step == 0
    assert measured.max_difference == 0


def test_unknown_way_is_a_usage_error() -> None:
    result = CliRunner().invoke(main, ["--ways", "tp3"])

    assert result.exit_code == 2
    assert "known: one rank, tp2" in result.output
