"""A transformer folder large enough to measure memory with; its weights are random."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

_NUM_FILES = 3


def write_large_transformer(folder: Path) -> int:
    """Write `folder/transformer` with about 200 million parameters in float32; gives its bytes."""
    import accelerate
    from diffusers import WanTransformer3DModel

    with accelerate.init_empty_weights(include_buffers=False):
        empty = WanTransformer3DModel(
            num_attention_heads=8,
            attention_head_dim=128,
            text_dim=256,
            freq_dim=64,
            ffn_dim=4096,
            num_layers=12,
        )
    target = folder / "transformer"
    target.mkdir(parents=True)
    (target / "config.json").write_text(empty.to_json_string())
    names = [name for name, _ in empty.named_parameters()]
    weight_map: dict[str, str] = {}
    for number in range(_NUM_FILES):
        file_name = f"diffusion_pytorch_model-{number}.safetensors"
        mine = names[number::_NUM_FILES]
        save_file(
            {name: torch.randn(empty.get_parameter(name).shape) for name in mine},
            target / file_name,
        )
        weight_map |= dict.fromkeys(mine, file_name)
    index = target / "diffusion_pytorch_model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": weight_map}))
    return sum(parameter.numel() * 4 for parameter in empty.parameters())
