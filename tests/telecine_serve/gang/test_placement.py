from __future__ import annotations

import pytest

from telecine_serve.gang.placement import gang_bundles, gang_cpus


@pytest.mark.parametrize(
    ("num_ranks", "device", "bundles"),
    [
        (1, "cpu", [{"CPU": 0.1}, {"CPU": 1.0}]),
        (2, "cpu", [{"CPU": 0.1}, {"CPU": 1.0}, {"CPU": 1.0}]),
        (2, "cuda", [{"CPU": 0.1}, {"CPU": 1.0, "GPU": 1.0}, {"CPU": 1.0, "GPU": 1.0}]),
    ],
)
def test_first_bundle_is_the_replicas_and_ranks_follow(
    num_ranks: int, device: str, bundles: list[dict[str, float]]
) -> None:
    assert gang_bundles(num_ranks, device) == bundles


def test_gang_takes_the_cpus_of_its_bundles() -> None:
    assert gang_cpus(2) == sum(bundle["CPU"] for bundle in gang_bundles(2, "cpu"))
