"""What a scheduler remembers between steps, taken out and put back.

Euler needs its step index only; UniPC also looks back at earlier steps, and resumed without them
it is wrong by 4e-2 without an error (facts/engine.md section 8). Invariant: a scheduler with the
state put back goes on bit for bit like the one that it was taken from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from telecine_platform.errors import ModelError

_EULER = "FlowMatchEulerDiscreteScheduler"
_UNIPC = "UniPCMultistepScheduler"
_UNIPC_HISTORIES = ("model_outputs", "timestep_list")
"""Lists of `solver_order` entries, the newest last, None before there were as many steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerState:
    """Plain numbers and tensors, so that it can be stored without pickle."""

    scheduler_name: str
    numbers: dict[str, int]
    tensors: dict[str, torch.Tensor]


def state_of_scheduler(scheduler: Any) -> SchedulerState:  # Any: diffusers ships no types
    """After at least one step; tensors are copies on the CPU. ModelError for an unknown class."""
    name = type(scheduler).__name__
    if name == _EULER:
        numbers = {"_step_index": scheduler._step_index}
        return SchedulerState(scheduler_name=name, numbers=numbers, tensors={})
    _check_known(name)
    tensors = {
        f"{history}.{place}": torch.as_tensor(entry)
        for history in _UNIPC_HISTORIES
        for place, entry in enumerate(getattr(scheduler, history))
        if entry is not None
    }
    tensors["last_sample"] = scheduler.last_sample
    return SchedulerState(
        scheduler_name=name,
        numbers={
            field: int(getattr(scheduler, field))
            for field in ("_step_index", "lower_order_nums", "this_order")
        },
        tensors={key: tensor.detach().cpu().clone() for key, tensor in tensors.items()},
    )


def restore_scheduler(
    scheduler: Any,  # Any: as above
    state: SchedulerState,
    device: torch.device,
) -> None:
    """Put `state` into a scheduler of the same class and steps, after its `set_timesteps`."""
    name = type(scheduler).__name__
    if name != state.scheduler_name:
        raise ModelError(f"the checkpoint is of a {state.scheduler_name}, the model has a {name}")
    for field, number in state.numbers.items():
        setattr(scheduler, field, number)
    if name == _EULER:
        return
    _check_known(name)
    tensors = {key: tensor.to(device) for key, tensor in state.tensors.items()}
    for history in _UNIPC_HISTORIES:
        places = range(scheduler.config.solver_order)
        setattr(scheduler, history, [tensors.get(f"{history}.{place}") for place in places])
    scheduler.last_sample = tensors["last_sample"]


def _check_known(name: str) -> None:
    if name != _UNIPC:
        raise ModelError(f"do not know what {name} remembers: it cannot be resumed")
