"""A clip half denoised: enough to go on elsewhere, bit for bit, and nothing that runs code.

One safetensors file; its header carries the numbers as JSON. Dims: B batch, C channels, T frames,
H height, W width. Invariant: a checkpoint names the clip that it belongs to, and is used for no
other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.engine.scheduler_state import SchedulerState, state_of_scheduler

_FORMAT = "telecine-checkpoint-1"
_LATENTS = "latents"
_SCHEDULER_PREFIX = "scheduler."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state after `step` of `num_steps`."""

    fingerprint: str
    """From `clip_fingerprint`."""
    step: int
    num_steps: int
    latents_BCTHW: torch.Tensor
    scheduler: SchedulerState


def clip_fingerprint(spec: VideoSpec, card: ModelCard) -> str:
    """Hex digest of everything that was asked and of the model's defaults; tells no prompt."""
    text = json.dumps([asdict(spec), asdict(card)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


class CheckpointWriter:
    """Takes a checkpoint when `every_s` have passed since the last; used on the leading rank."""

    def __init__(
        self, every_s: float, save: Callable[[Checkpoint], None], clock: Callable[[], float]
    ) -> None:
        """`save` runs between two steps, so it holds up the gang; `clock` is in seconds."""
        self._every_s = every_s
        self._save = save
        self._clock = clock
        self._saved_at_s = clock()

    def after_step(
        self,
        step: int,
        num_steps: int,
        latents_BCTHW: torch.Tensor,
        scheduler: Any,  # Any: diffusers ships no types
        fingerprint: str,
    ) -> None:
        """Save if it is time; never after the last step, as only the decode is left then."""
        if step >= num_steps or self._clock() - self._saved_at_s < self._every_s:
            return
        self._save(
            Checkpoint(
                fingerprint=fingerprint,
                step=step,
                num_steps=num_steps,
                latents_BCTHW=latents_BCTHW.detach().cpu().clone(),
                scheduler=state_of_scheduler(scheduler),
            )
        )
        self._saved_at_s = self._clock()


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write one new safetensors file."""
    scheduler = checkpoint.scheduler
    tensors = {_LATENTS: checkpoint.latents_BCTHW}
    tensors |= {_SCHEDULER_PREFIX + key: tensor for key, tensor in scheduler.tensors.items()}
    numbers = {
        "fingerprint": checkpoint.fingerprint,
        "step": checkpoint.step,
        "num_steps": checkpoint.num_steps,
        "scheduler_name": scheduler.scheduler_name,
        "scheduler_numbers": scheduler.numbers,
    }
    contiguous = {key: tensor.contiguous() for key, tensor in tensors.items()}
    save_file(contiguous, path, metadata={"format": _FORMAT, "numbers": json.dumps(numbers)})


def read_checkpoint(path: Path) -> Checkpoint:
    """The inverse; tensors are on the CPU. Raises ModelError for a file that is none of ours."""
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ModelError(f"{path} is not a checkpoint of this version of Telecine")
            numbers = json.loads(metadata["numbers"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return Checkpoint(
            fingerprint=str(numbers["fingerprint"]),
            step=int(numbers["step"]),
            num_steps=int(numbers["num_steps"]),
            latents_BCTHW=tensors.pop(_LATENTS),
            scheduler=SchedulerState(
                scheduler_name=str(numbers["scheduler_name"]),
                numbers={key: int(value) for key, value in numbers["scheduler_numbers"].items()},
                tensors={
                    key.removeprefix(_SCHEDULER_PREFIX): tensor for key, tensor in tensors.items()
                },
            ),
        )
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"the checkpoint {path} cannot be read: {error}") from error
