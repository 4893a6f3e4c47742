from __future__ import annotations

import pytest

from telecine_serve.gang.placement import gang_bundles, num_cpus_for


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


def test_machine_has_room_for_every_gang_and_replica() -> None:
    bundles = gang_bundles(2, "cpu")
    one_gang = sum(bundle["CPU"] for bundle in bundles)
    assert num_cpus_for(2, 3, 4) == pytest.approx(3 * one_gang + 4 * 0.1)
