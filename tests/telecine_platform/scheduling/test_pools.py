"""What an API serves, read from its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import NotFound, SettingsError
from telecine_platform.scheduling.pools import pools_from_settings, workers_on_one_machine
from telecine_platform.settings import Settings


def test_the_model_comes_first_and_each_has_gangs_of_its_own() -> None:
    settings = Settings(
        model="wan2.1-t2v-14b",
        num_ranks=8,
        generation_max_replicas=4,
        more_models="embedded=2x1, wan2.2-ti2v-5b=4x12,",
    )
    pools = pools_from_settings(settings)
    assert list(pools) == ["wan2.1-t2v-14b", "embedded", "wan2.2-ti2v-5b"]
    sizes = [(pool.fleet.num_gpus, pool.fleet.max_gangs) for pool in pools.values()]
    assert sizes == [(8, 4), (2, 1), (4, 12)]
    assert all(pool.card.name == name for name, pool in pools.items())


@pytest.mark.parametrize(
    ("more_models", "error", "says"),
    [
        ("wan2.2-ti2v-5b", SettingsError, "is not NAME=RANKSxGANGS"),
        ("wan2.2-ti2v-5b=0x2", SettingsError, "is not NAME=RANKSxGANGS"),
        ("embedded=2x1", SettingsError, "embedded is served already"),
        ("wan2.2-ti2v-5b=8x2,wan2.2-ti2v-5b=8x2", SettingsError, "wan2.2-ti2v-5b is served"),
        ("wan9=8x2", NotFound, "model or more_models: no model 'wan9'"),
    ],
)
def test_a_wrong_list_is_told(more_models: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        pools_from_settings(Settings(more_models=more_models))


def test_workers_on_one_machine_differ_in_model_gangs_and_folder(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path,
        num_ranks=2,
        generation_min_replicas=2,
        generation_max_replicas=3,
        more_models="wan2.2-ti2v-5b=4x1",
        lease_s=7,
    )

    first, second = workers_on_one_machine(settings)

    assert (first.settings, first.overrides) == (settings, {})
    assert second.settings.resolved_model_folder == tmp_path / "models" / "wan2.2-ti2v-5b"
    assert second.settings.lease_s == 7
    sizes = second.settings
    assert (sizes.num_ranks, sizes.generation_min_replicas, sizes.generation_max_replicas) == (
        4,
        1,
        1,
    )
    assert set(second.overrides) == {
        field
        for field in Settings.model_fields
        if getattr(second.settings, field) != getattr(settings, field)
    }
