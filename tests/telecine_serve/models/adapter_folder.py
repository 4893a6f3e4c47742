"""A random LoRA adapter, and the same transformer with it merged."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from telecine_serve.models.checksums import SUMS_FILE

_RANK, _ALPHA = 4, 2.0
LAYERS = (
    "blocks.0.attn1.to_q",
    "blocks.0.attn1.to_k",
    "blocks.1.attn1.to_out.0",
    "blocks.1.attn2.to_k",
    "blocks.2.ffn.net.0.proj",
    "blocks.2.ffn.net.2",
    "proj_out",
)
"""Of every kind: divided by outputs, by inputs, with a norm behind it, and not divided."""
_WEIGHTS = "diffusion_pytorch_model.safetensors"


LTX_LAYERS = (
    "transformer_blocks.0.attn1.to_q",
    "transformer_blocks.1.attn1.to_out.0",
    "transformer_blocks.2.ff.net.0.proj",
    "transformer_blocks.2.ff.net.2",
    "proj_out",
)


def write_adapter(model: Path, folder: Path, layers: tuple[str, ...] = LAYERS) -> Path:
    """Write `folder/film/transformer.safetensors` for `model`'s transformer; returns `folder`."""
    weights = load_file(model / "transformer" / _WEIGHTS)
    generator = torch.Generator().manual_seed(11)
    tensors = {}
    for name in layers:
        num_outputs, num_inputs = weights[f"{name}.weight"].shape
        key = f"transformer.{name}"
        tensors[f"{key}.lora_A.weight"] = torch.randn(_RANK, num_inputs, generator=generator)
        tensors[f"{key}.lora_B.weight"] = torch.randn(num_outputs, _RANK, generator=generator) / 300
        tensors[f"{key}.alpha"] = torch.tensor(_ALPHA)
    (folder / "film").mkdir(parents=True)
    save_file(tensors, folder / "film" / "transformer.safetensors")
    return folder


def write_merged(
    model: Path, adapters: Path, folder: Path, layers: tuple[str, ...] = LAYERS
) -> Path:
    """Copy `model` to `folder` with the adapter added to its weights."""
    shutil.copytree(model, folder)
    (folder / SUMS_FILE).unlink(missing_ok=True)
    path = folder / "transformer" / _WEIGHTS
    # In float32, whatever they are stored as: what is added would be rounded.
    weights = {name: tensor.float() for name, tensor in load_file(path).items()}
    added = load_file(adapters / "film" / "transformer.safetensors")
    for name in layers:
        down, up = (added[f"transformer.{name}.lora_{side}.weight"] for side in "AB")
        weights[f"{name}.weight"] += up @ down * (_ALPHA / _RANK)
    save_file(weights, path, metadata={"format": "pt"})
    return folder
