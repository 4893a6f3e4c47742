from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import ModelError
from telecine_serve.models.embedded import SHIPPED, write_embedded_model


def _bytes_from_name(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_written_folder_is_the_shipped_one(embedded_folder: Path) -> None:
    assert _bytes_from_name(embedded_folder) == _bytes_from_name(SHIPPED)


def test_folder_is_small_and_holds_no_pickle(embedded_folder: Path) -> None:
    sizes_bytes = {name: len(data) for name, data in _bytes_from_name(embedded_folder).items()}

    assert sum(sizes_bytes.values()) < 12_000_000
    assert not [name for name in sizes_bytes if name.endswith((".bin", ".pt", ".pkl"))]


def test_nothing_unfinished_is_left_beside_the_model(tmp_path: Path) -> None:
    write_embedded_model(tmp_path / "model")

    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_older_release_is_replaced_only_where_it_is_ours(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "SHA256SUMS").write_text("an older release's")

    with pytest.raises(ModelError, match="name a new folder"):
        write_embedded_model(folder)
    assert _bytes_from_name(folder) == {"SHA256SUMS": b"an older release's"}

    write_embedded_model(folder, replaces_older=True)
    assert _bytes_from_name(folder) == _bytes_from_name(SHIPPED)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_diffusers_own_pipeline_loads_it(embedded_folder: Path) -> None:
    from diffusers import WanPipeline

    pipeline = WanPipeline.from_pretrained(embedded_folder, local_files_only=True)

    assert pipeline.config.expand_timesteps
    assert pipeline.vae_scale_factor_temporal == 4
    assert pipeline.vae_scale_factor_spatial == 8
