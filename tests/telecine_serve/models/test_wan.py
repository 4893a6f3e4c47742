from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import ModelError
from telecine_serve.models.checksums import SUMS_FILE
from telecine_serve.models.family import Model
from telecine_serve.models.load import load_model
from telecine_serve.models.transformer import load_transformer
from telecine_serve.models.wan.family import WanFamily
from tests.telecine_serve.specs import small_spec

_WEIGHTS = "diffusion_pytorch_model.safetensors"


def _load(folder: Path) -> Model:
    return load_model(folder, card_from_name("embedded"), torch.float32, torch.device("cpu"))


def _remove_vae(folder: Path) -> None:
    shutil.rmtree(folder / "vae")


def _remove_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def _pickle_transformer(folder: Path) -> None:
    (folder / "transformer" / _WEIGHTS).unlink()
    torch.save({}, folder / "transformer" / "diffusion_pytorch_model.bin")


def _remove_weights(folder: Path) -> None:
    (folder / "transformer" / _WEIGHTS).unlink()


def _corrupt_weights(folder: Path) -> None:
    (folder / SUMS_FILE).unlink()
    (folder / "transformer" / _WEIGHTS).write_bytes(b"not safetensors")


def _drop_a_tensor(folder: Path) -> None:
    (folder / SUMS_FILE).unlink()
    path = folder / "transformer" / _WEIGHTS
    tensors = load_file(path)
    del tensors["blocks.0.attn1.to_q.weight"]
    save_file(tensors, path, metadata={"format": "pt"})


def _reshape_a_tensor(folder: Path) -> None:
    (folder / SUMS_FILE).unlink()
    path = folder / "transformer" / _WEIGHTS
    tensors = load_file(path)
    tensors["proj_out.bias"] = tensors["proj_out.bias"][:-1]
    save_file(tensors, path, metadata={"format": "pt"})


def _lose_a_file_of_the_index(folder: Path) -> None:
    (folder / "transformer" / f"{_WEIGHTS}.index.json").write_text(
        json.dumps({"weight_map": {"proj_out.bias": "lost.safetensors"}})
    )


def _flip_a_bit(folder: Path, component: str = "transformer") -> None:
    (path,) = (folder / component).glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _flip_a_bit_of_the_vae(folder: Path) -> None:
    _flip_a_bit(folder, "vae")


def _unlist_weights(folder: Path) -> None:
    (folder / SUMS_FILE).write_text("")


def _garble_sums(folder: Path) -> None:
    (folder / SUMS_FILE).write_text("abc  transformer/x.safetensors\n")


def _change_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _name_second_expert(folder: Path) -> None:
    _change_json(folder / "model_index.json", transformer_2=["diffusers", "WanTransformer3DModel"])


def _split_noise_for_one_expert(folder: Path) -> None:
    _change_json(folder / "model_index.json", boundary_ratio=0.9)


def _want_an_image(folder: Path) -> None:
    _change_json(folder / "transformer" / "config.json", image_dim=1280)


def _take_other_channels(folder: Path) -> None:
    _change_json(folder / "transformer" / "config.json", in_channels=17)


def _forget_the_clean_frame(folder: Path) -> None:
    _change_json(folder / "model_index.json", expand_timesteps=False)


def _use_unknown_scheduler(folder: Path) -> None:
    _change_json(folder / "scheduler" / "scheduler_config.json", _class_name="DDIMScheduler")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (shutil.rmtree, "no model folder"),
        (_remove_index, "model_index.json"),
        (_remove_vae, "lacks the component vae"),
        (_pickle_transformer, "only pickled weights"),
        (_remove_weights, "no \\*.safetensors"),
        (_corrupt_weights, "cannot load"),
        (_drop_a_tensor, "do not fit.*missing"),
        (_reshape_a_tensor, "proj_out.bias in the file is"),
        (_lose_a_file_of_the_index, "lacks.*lost.safetensors"),
        (_flip_a_bit, "damaged or changed"),
        (_flip_a_bit_of_the_vae, "damaged or changed"),
        (_unlist_weights, "does not list"),
        (_garble_sums, "line 1 is not"),
        (_name_second_expert, "lacks the component transformer_2"),
        (_split_noise_for_one_expert, "needs exactly two experts"),
        (_want_an_image, "image_encoder"),
        (_take_other_channels, "takes 17 channels, the VAE has 16"),
        (_forget_the_clean_frame, "first_frame optional.*can do: never"),
        (_use_unknown_scheduler, "DDIMScheduler"),
    ],
)
def test_folder_that_does_not_fit_raises_model_error(
    embedded_folder: Path, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(embedded_folder, folder)
    damage(folder)

    with pytest.raises(ModelError, match=message):
        _load(folder)


def test_model_loads_offline_and_frozen(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    model = _load(embedded_folder)

    (expert,) = model.experts
    assert not expert.transformer.training
    assert not any(parameter.requires_grad for parameter in expert.transformer.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_transformer_is_the_one_that_diffusers_loads(
    embedded_folder: Path, dtype: torch.dtype
) -> None:
    from diffusers import WanTransformer3DModel

    ours = load_transformer(embedded_folder, WanFamily(), dtype, torch.device("cpu"), None)
    theirs = WanTransformer3DModel.from_pretrained(
        embedded_folder, subfolder="transformer", dtype=dtype
    )

    expected = dict(theirs.named_parameters()) | dict(theirs.named_buffers())
    loaded = dict(ours.named_parameters()) | dict(ours.named_buffers())
    assert loaded.keys() == expected.keys()
    for name, tensor in expected.items():
        assert loaded[name].dtype == tensor.dtype, name
        assert torch.equal(loaded[name], tensor), name


def test_scheduler_takes_the_cards_shift(embedded_folder: Path) -> None:
    model = _load(embedded_folder)

    scheduler = model.family.new_scheduler(model, small_spec(num_steps=4))

    assert scheduler.config.shift == 3.0
    assert len(scheduler.timesteps) == 4
