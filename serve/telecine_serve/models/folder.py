"""What every model's folder in diffusers' format has, whatever its family.

Nothing heavy is imported or read here, so that planning and start-up checks are quick.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from telecine_platform.errors import ModelError

TRANSFORMER = "transformer"
LOW_NOISE_TRANSFORMER = "transformer_2"
VAE = "vae"
TEXT_ENCODER = "text_encoder"
TOKENIZER = "tokenizer"
SCHEDULER = "scheduler"
IMAGE_ENCODER = "image_encoder"
IMAGE_PROCESSOR = "image_processor"


def read_index(folder: Path) -> dict[str, Any]:  # Any: as in `read_json`
    """Which pipeline the folder holds, and of what; ModelError if there is no such folder."""
    if not folder.is_dir():
        raise ModelError(f"no model folder at {folder}: check TELECINE_MODEL or download the model")
    return read_json(folder / "model_index.json")


def read_json(path: Path) -> dict[str, Any]:  # Any: the values are checked where they are used
    """The JSON object in `path`; raises ModelError if there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} does not hold a JSON object")
    return content


def is_component(index: dict[str, Any], name: str) -> bool:  # Any: as in `read_json`
    """diffusers writes `[null, null]` for an optional component that a pipeline lacks."""
    return (index.get(name) or [None])[0] is not None


def check_components(folder: Path, weighted: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Raises ModelError unless all are there, those with weights as safetensors."""
    for component in (*weighted, *others):
        if not (folder / component).is_dir():
            raise ModelError(f"{folder} lacks the component {component}/")
    for component in weighted:
        _check_safetensors(folder / component)


def weight_bytes(folder: Path) -> int:
    """Of a component's files; 0 if there are none."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _check_safetensors(folder: Path) -> None:
    if any(folder.glob("*.safetensors")):
        return
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in {".bin", ".pt"})
    if pickled:
        raise ModelError(
            f"{folder} has only pickled weights ({', '.join(pickled)}), which can run code when "
            "loaded: convert them to safetensors"
        )
    raise ModelError(f"{folder} has no *.safetensors weights")
