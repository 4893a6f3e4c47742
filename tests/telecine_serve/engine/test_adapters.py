from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import InvalidRequest, ModelError, SettingsError
from telecine_platform.settings import load_settings
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from tests.telecine_serve.models.adapter_folder import write_adapter, write_merged
from tests.telecine_serve.specs import small_spec

_CARD = card_from_name("embedded")
_CPU = torch.device("cpu")
_SPEC = small_spec(adapter="film")


@pytest.fixture(scope="module")
def folder(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(embedded_folder, tmp_path_factory.mktemp("adapters"))


def _engine(model: Path, folder: Path | None = None, max_loaded: int = 4) -> Engine:
    names = frozenset({"film", "ink"})
    return start_engine(model, _CARD, _CPU, adapters=Adapters(folder, names, max_loaded))


def test_adapter_makes_the_clip_of_merged_weights_and_leaves_no_trace(
    embedded_folder: Path, folder: Path, tmp_path: Path
) -> None:
    merged = _engine(write_merged(embedded_folder, folder, tmp_path / "merged"))
    engine = _engine(embedded_folder, folder)
    plain_BCTHW = engine.denoise(small_spec(), StepControl())

    adapted_BCTHW = engine.denoise(_SPEC, StepControl())

    expected_BCTHW = merged.denoise(small_spec(), StepControl())
    assert (adapted_BCTHW - expected_BCTHW).abs().max() <= 1e-4
    assert (adapted_BCTHW - plain_BCTHW).abs().max() > 1e-2
    assert torch.equal(engine.denoise(small_spec(), StepControl()), plain_BCTHW)


def test_the_latest_adapters_stay_loaded(
    embedded_folder: Path, folder: Path, tmp_path: Path
) -> None:
    write_adapter(embedded_folder, tmp_path / "all")
    (tmp_path / "all" / "ink").mkdir()
    tensors = load_file(folder / "film" / "transformer.safetensors")
    save_file(tensors, tmp_path / "all" / "ink" / "transformer.safetensors")
    engine = _engine(embedded_folder, tmp_path / "all", max_loaded=1)

    num_loads = []
    for name in ("film", "film", "ink", "film"):
        with engine._adapters.applied(name, engine.model, None):
            num_loads.append(engine._adapters.num_loads)
    assert num_loads == [1, 1, 2, 3]


@pytest.mark.parametrize("with_folder", [True, False])
def test_adapter_that_is_not_allowed_is_refused(
    embedded_folder: Path, folder: Path, with_folder: bool
) -> None:
    engine = _engine(embedded_folder, folder if with_folder else None)

    with pytest.raises(InvalidRequest, match="no adapter"):
        engine.denoise(small_spec(adapter="../film" if with_folder else "film"), StepControl())


def _lose_b(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["transformer.proj_out.lora_B.weight"]


def _name_layers_otherwise(tensors: dict[str, torch.Tensor]) -> None:
    tensors["lora_unet_blocks_0_self_attn_q.lora_down.weight"] = torch.zeros(4, 4)


def _add_to_no_layer(tensors: dict[str, torch.Tensor]) -> None:
    tensors["blocks.0.attn9.to_q.lora_A.weight"] = torch.zeros(4, 4)
    tensors["blocks.0.attn9.to_q.lora_B.weight"] = torch.zeros(4, 4)


def _be_of_another_width(tensors: dict[str, torch.Tensor]) -> None:
    tensors["transformer.proj_out.lora_A.weight"] = torch.zeros(4, 7)


def _be_empty(tensors: dict[str, torch.Tensor]) -> None:
    tensors.clear()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_lose_b, "proj_out needs lora_A.weight and lora_B.weight"),
        (_name_layers_otherwise, "convert the adapter first"),
        (_add_to_no_layer, "no linear layer 'blocks.0.attn9.to_q'"),
        (_be_of_another_width, "proj_out adds"),
        (_be_empty, "is empty"),
    ],
)
def test_adapter_that_does_not_fit_raises(
    embedded_folder: Path,
    folder: Path,
    tmp_path: Path,
    damage: Callable[[dict[str, torch.Tensor]], None],
    message: str,
) -> None:
    tensors = load_file(folder / "film" / "transformer.safetensors")
    damage(tensors)
    (tmp_path / "film").mkdir()
    save_file(tensors, tmp_path / "film" / "transformer.safetensors")

    with pytest.raises(ModelError, match=message):
        _engine(embedded_folder, tmp_path).denoise(_SPEC, StepControl())


def test_names_that_lead_elsewhere_are_no_setting() -> None:
    with pytest.raises(SettingsError, match="adapters"):
        load_settings(environ={"TELECINE_ADAPTERS": "film,../models"})
