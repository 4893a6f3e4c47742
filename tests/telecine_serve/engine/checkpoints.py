"""What the tests of resuming share."""

from __future__ import annotations

import json
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from telecine_serve.engine.checkpoint import Checkpoint, CheckpointWriter
from telecine_serve.engine.step_control import Phase, StepControl

SCHEDULERS = ("euler", "unipc")
NUM_STEPS = 6
_UNIPC = {
    "_class_name": "UniPCMultistepScheduler",
    "num_train_timesteps": 1000,
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 3.0,
    "solver_order": 2,
}
"""As in the Wan folders on the Hugging Face Hub."""


def folders_by_scheduler(embedded_folder: Path, tmp_path: Path) -> dict[str, Path]:
    unipc = tmp_path / "unipc"
    shutil.copytree(embedded_folder, unipc)
    (unipc / "scheduler" / "scheduler_config.json").write_text(json.dumps(_UNIPC))
    return {"euler": embedded_folder, "unipc": unipc}


class SaveAll:
    """Keeps every checkpoint, one per step, because its clock is a second later at each look."""

    def __init__(self) -> None:
        self.checkpoints: list[Checkpoint] = []
        self._now_s = 0.0
        self.writer = CheckpointWriter(1.0, self.checkpoints.append, self._clock)

    def _clock(self) -> float:
        self._now_s += 1.0
        return self._now_s


class CancelAt(StepControl):
    """Cancels itself when `step` is done."""

    def __init__(self, step: int, ranks: Any = None) -> None:  # Any: RankContext needs torch
        super().__init__(ranks)
        self._cancel_at = step

    def at_boundary(self, step: int, num_steps: int) -> None:
        if step == self._cancel_at:
            self.cancel()
        super().at_boundary(step, num_steps)


class CancelWithinStep(StepControl):
    """Cancels itself in the middle of the step after `step`, and keeps the times."""

    def __init__(self, step: int, ranks: Any = None) -> None:  # Any: as above
        super().__init__(ranks)
        self._cancel_within = step
        self._boundaries_s: list[float] = []
        self.asked_at_s: float | None = None

    @property
    def longest_step_s(self) -> float:
        """Of those that were finished."""
        return max(after - before for before, after in pairwise(self._boundaries_s))

    def at_boundary(self, step: int, num_steps: int) -> None:
        self._boundaries_s.append(time.monotonic())
        super().at_boundary(step, num_steps)

    def beat(self) -> None:
        super().beat()
        is_within = self.phase is Phase.DENOISING and self.step == self._cancel_within
        if is_within and self.asked_at_s is None:
            self.asked_at_s = time.monotonic()
            self.cancel()
