from __future__ import annotations

import pytest

from loadtests.compiled import measure_transformer
from loadtests.engine import Options

pytestmark = pytest.mark.slow


def test_plain_and_compiled_blocks_are_compared() -> None:
    options = Options(num_layers=2, num_heads=2, head_dim=32, num_frames=2, side=8, num_steps=2)

    row = measure_transformer(options, backend="eager")

    assert row.what == "width 64, 32 tokens, a pass"
    assert row.max_difference == 0.0
    assert row.ratio == pytest.approx(row.plain_cpu_s / row.compiled_cpu_s)
