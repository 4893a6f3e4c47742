from __future__ import annotations

import pytest

from loadtests.step_cache import measure

pytestmark = pytest.mark.slow


def test_exact_clip_is_what_the_others_are_compared_with() -> None:
    exact, cached = measure((0.0, 0.3), num_clips=1)

    assert (exact.reused_share, exact.latents_drift) == (0, 0)
    assert 0 < cached.reused_share < 1
    assert cached.latents_drift > 0
    assert cached.psnr_db < exact.psnr_db
