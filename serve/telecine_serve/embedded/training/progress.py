"""What a training stage tells while it runs, and what it can go on from after an interruption.

A checkpoint is a safetensors file and a JSON file, written aside and renamed: a torn one cannot
exist. The log is JSON Lines, one a report; the curve picture is drawn from it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

CHECKPOINT_S = 120.0


class StageProgress:
    """The log and the checkpoint of one stage in `folder`."""

    def __init__(
        self,
        folder: Path,
        stage: str,
        num_steps: int,
        modules: Mapping[str, nn.Module],
        optimizers: Iterable[torch.optim.Optimizer],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / stage
        self._num_steps = num_steps
        self._modules = modules
        self._optimizers = list(optimizers)
        self._cpu_s = 0.0
        self._started_cpu_s = time.process_time()
        self._saved_at = time.monotonic()
        self._sums: dict[str, list[float]] = {}

    def resume(self) -> int:
        """The step to go on with; 0 when there is no checkpoint."""
        if not self._path.with_suffix(".json").exists():
            return 0
        about = json.loads(self._path.with_suffix(".json").read_text())
        tensors = load_file(self._path.parent / about["tensors"])
        for name, module in self._modules.items():
            saved = _below(tensors, f"module.{name}.")
            with torch.no_grad():
                for key, weight in module.named_parameters():
                    weight.copy_(saved[key])
        for number, optimizer in enumerate(self._optimizers):
            for index, learned in enumerate(_weights(optimizer)):
                state = _below(tensors, f"optimizer.{number}.{index}.")
                if state:
                    optimizer.state[learned] = state
        self._cpu_s = about["cpu_s"]
        step = int(about["step"])
        print(f"{self._path.name}: going on at step {step}", flush=True)
        return step

    def report(self, step: int, **figures: float) -> None:
        """Sum up; print and log a mean every 20 steps; save now and then."""
        for name, value in figures.items():
            self._sums.setdefault(name, []).append(value)
        if (step + 1) % 20 == 0 or step + 1 == self._num_steps:
            means = {name: sum(values) / len(values) for name, values in self._sums.items()}
            self._sums.clear()
            line: dict[str, Any] = {"step": step + 1, "cpu_s": round(self._total_cpu_s, 1)}
            line |= {name: round(mean, 6) for name, mean in means.items()}
            with self._path.with_suffix(".jsonl").open("a") as log:
                log.write(json.dumps(line) + "\n")
            shown = "  ".join(f"{name} {mean:.4f}" for name, mean in means.items())
            print(f"{self._path.name} {step + 1}/{self._num_steps}  {shown}", flush=True)
        is_due = time.monotonic() - self._saved_at > CHECKPOINT_S
        if is_due or step + 1 == self._num_steps:
            self.save(step + 1)

    def save(self, step: int) -> None:
        """Everything that the next steps depend on; the JSON names the tensors it belongs to."""
        tensors: dict[str, torch.Tensor] = {}
        for name, module in self._modules.items():
            for key, value in module.named_parameters():  # shared weights stand here once
                tensors[f"module.{name}.{key}"] = value.detach().contiguous()
        for number, optimizer in enumerate(self._optimizers):
            for index, weight in enumerate(_weights(optimizer)):
                for key, value in optimizer.state.get(weight, {}).items():
                    tensors[f"optimizer.{number}.{index}.{key}"] = value.contiguous()
        name = f"{self._path.name}-{step}.safetensors"
        save_file(tensors, self._path.parent / name)
        about = {"step": step, "tensors": name, "cpu_s": self._total_cpu_s}
        unfinished = self._path.with_suffix(".json.part")
        unfinished.write_text(json.dumps(about))
        os.replace(unfinished, self._path.with_suffix(".json"))
        for old in self._path.parent.glob(f"{self._path.name}-*.safetensors"):
            if old.name != name:
                old.unlink()
        self._saved_at = time.monotonic()

    @property
    def _total_cpu_s(self) -> float:
        return self._cpu_s + time.process_time() - self._started_cpu_s


def _weights(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [weight for group in optimizer.param_groups for weight in group["params"]]


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
