from __future__ import annotations

import pytest

from loadtests.batch import measure
from loadtests.engine import Options

pytestmark = pytest.mark.slow


def test_batches_are_compared_with_passes_of_one_clip() -> None:
    options = Options(num_layers=1, num_heads=2, head_dim=32, num_steps=1)

    one, two = measure(4, options, (1, 2))

    assert (one.num_tokens, one.batch, one.ratio) == (20, 1, 1.0)
    assert two.cpu_s_per_clip * two.ratio == pytest.approx(one.cpu_s_per_clip)
