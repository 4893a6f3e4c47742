"""One generation's progress, readable from another thread, and the one way to stop it.

Invariant: all ranks leave the denoising loop at the same step boundary, or none does. A rank that
stopped alone would leave its peers waiting in a collective. Only where none waits, as for a leader
that decodes, does it stop by itself.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum

from telecine_platform.errors import JobCancelled
from telecine_serve.parallel.collectives import is_true_on_any_rank
from telecine_serve.parallel.mesh import RankContext

_WHILE_DECODED = "cancelled while the clip was decoded"


class Phase(StrEnum):
    """What a rank does now."""

    WAITING = "waiting"
    ENCODING = "encoding"
    DENOISING = "denoising"
    DECODING = "decoding"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One consistent look at a generation."""

    phase: Phase
    step: int
    """Denoising steps done, 0 to `num_steps`."""
    num_steps: int
    """0 until denoising begins."""
    num_beats: int
    """Only ever goes up: at each phase, transformer block, step and decoded latent frame. A
    watchdog that sees it stand still has found a hung rank."""
    num_reused: int
    """Forward passes that the step cache shortened."""


class StepControl:
    """Shared by the thread that generates and the threads that watch it; one per generation."""

    def __init__(self, ranks: RankContext | None = None) -> None:
        self._ranks = ranks
        self._lock = threading.Lock()
        self._is_cancel_asked = threading.Event()
        self._phase = Phase.WAITING
        self._step = 0
        self._num_steps = 0
        self._num_beats = 0
        self._num_reused = 0

    def cancel(self) -> None:
        """Ask, from any thread of any one rank, that all ranks stop at the next step boundary or
        between tiles; of a leader that decodes alone, that it stops between latent frames.
        """
        self._is_cancel_asked.set()

    def progress(self) -> Progress:
        with self._lock:
            return Progress(
                phase=self._phase,
                step=self._step,
                num_steps=self._num_steps,
                num_beats=self._num_beats,
                num_reused=self._num_reused,
            )

    @property
    def phase(self) -> Phase:
        return self.progress().phase

    @property
    def step(self) -> int:
        return self.progress().step

    @property
    def num_steps(self) -> int:
        return self.progress().num_steps

    @property
    def num_beats(self) -> int:
        return self.progress().num_beats

    def enter(self, phase: Phase) -> None:
        """The engine begins `phase`."""
        with self._lock:
            self._phase = phase
            self._num_beats += 1

    def beat(self) -> None:
        """The engine got on with its work."""
        with self._lock:
            self._num_beats += 1

    def beat_or_stop(self) -> None:
        """As `beat`, on a rank that no other waits for: raises JobCancelled if that was asked."""
        self.beat()
        if self._is_cancel_asked.is_set():
            raise JobCancelled(_WHILE_DECODED)

    def between_tiles(self) -> None:
        """Ranks that share a decode have one tile each more; every rank calls this as often.

        Collective where there is more than one rank. Raises JobCancelled, on all ranks alike.
        """
        if self._is_cancelled():
            raise JobCancelled(_WHILE_DECODED)

    def note_reused(self, num_passes: int) -> None:
        """So many forward passes of this generation were shortened until now."""
        with self._lock:
            self._num_reused = num_passes

    def at_boundary(self, step: int, num_steps: int) -> None:
        """The engine has done `step` of `num_steps`; every rank calls this at the same steps.

        Collective where there is more than one rank. Raises JobCancelled, on all ranks alike.
        """
        with self._lock:
            self._step = step
            self._num_steps = num_steps
            self._num_beats += 1
        if self._is_cancelled():
            raise JobCancelled(f"cancelled after {step} of {num_steps} steps")

    def _is_cancelled(self) -> bool:
        is_asked_here = self._is_cancel_asked.is_set()
        if self._ranks is None or self._ranks.world_size == 1:
            return is_asked_here
        return is_true_on_any_rank(is_asked_here, self._ranks.world_group, self._ranks.device)
