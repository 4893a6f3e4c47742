"""The members of the Wan family, tiny and with random weights: the embedded folder with another
transformer, and with CLIP where the member has it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from telecine_platform.catalogue import ImageUse, ModelCard, card_from_name

_EMBEDDED = card_from_name("embedded")
_TEXT_TOKENS = 512
_CLIP_WIDTH = 32

_NEVER, _OPTIONAL, _REQUIRED = ImageUse.NEVER, ImageUse.OPTIONAL, ImageUse.REQUIRED
CARDS: dict[str, ModelCard] = {
    "ti2v": _EMBEDDED,
    "i2v": replace(_EMBEDDED, first_frame=_REQUIRED, last_frame=_OPTIONAL),
    "i2v-clip": replace(_EMBEDDED, first_frame=_REQUIRED, max_text_tokens=_TEXT_TOKENS),
    "flf2v-clip": replace(
        _EMBEDDED, first_frame=_REQUIRED, last_frame=_REQUIRED, max_text_tokens=_TEXT_TOKENS
    ),
    "two-experts": replace(_EMBEDDED, first_frame=_NEVER, low_noise_guidance=0.75),
    "two-experts-i2v": replace(_EMBEDDED, first_frame=_REQUIRED),
}
"""By variant: Wan 2.2 TI2V; 2.2 I2V with one expert; 2.1 I2V; 2.1 FLF2V; 2.2 A14B, both kinds."""

BOUNDARY_RATIO = 0.9
"""At the tests' shift, three steps have timesteps 1000, 857 and 600: both experts are used."""


def write_variant(embedded_folder: Path, folder: Path, name: str) -> Path:
    """Write variant `name` (of `CARDS`) into the new `folder`, and return that."""
    shutil.copytree(embedded_folder, folder)
    (folder / "SHA256SUMS").unlink()
    if name == "ti2v":
        return folder
    index = _read(folder / "model_index.json") | {"expand_timesteps": False}
    takes_image = CARDS[name].first_frame is not _NEVER
    changes: dict[str, Any] = {"in_channels": 36} if takes_image else {}
    index["_class_name"] = "WanImageToVideoPipeline" if takes_image else "WanPipeline"
    if takes_image:
        index |= {"image_encoder": [None, None], "image_processor": [None, None]}
    if name.endswith("-clip"):
        num_tokens = _write_clip(folder)
        changes |= {"image_dim": _CLIP_WIDTH, "added_kv_proj_dim": _width(folder)}
        if name == "flf2v-clip":
            changes["pos_embed_seq_len"] = 2 * num_tokens
        index["image_encoder"] = ["transformers", "CLIPVisionModel"]
        index["image_processor"] = ["transformers", "CLIPImageProcessor"]
    _write_transformer(folder / "transformer", changes, seed=3)
    if name.startswith("two-experts"):
        _write_transformer(folder / "transformer_2", changes, seed=4)
        index["transformer_2"] = ["diffusers", "WanTransformer3DModel"]
        index["boundary_ratio"] = BOUNDARY_RATIO
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def _write_transformer(folder: Path, changes: dict[str, Any], seed: int) -> None:
    from diffusers import WanTransformer3DModel

    source = folder.parent / "transformer" / "config.json"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        WanTransformer3DModel.from_config(_read(source) | changes).save_pretrained(folder)


def _width(folder: Path) -> int:
    config = _read(folder / "transformer" / "config.json")
    return int(config["num_attention_heads"]) * int(config["attention_head_dim"])


def _write_clip(folder: Path) -> int:
    """Tokens per picture."""
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel

    config = CLIPVisionConfig(
        hidden_size=_CLIP_WIDTH,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=32,
        patch_size=8,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        CLIPVisionModel(config).save_pretrained(folder / "image_encoder")
    CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder / "image_processor")
    return (32 // 8) ** 2 + 1


def _read(path: Path) -> dict[str, Any]:  # Any: JSON
    content: dict[str, Any] = json.loads(path.read_text())
    return content
