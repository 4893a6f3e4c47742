"""The output checkpoint: every check on the sampled frames, one verdict.

Invariant: `moderate` always returns a verdict, and allows only when every check has answered.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from telecine_safeguards import policy
from telecine_safeguards.errors import SafeguardError
from telecine_safeguards.output.nudity import NudityCheck
from telecine_safeguards.output.reference import FingerprintCheck
from telecine_safeguards.output.sample import Sample, sample_clip
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.verdict import Checkpoint, Finding, Verdict

logger = logging.getLogger(__name__)


class FrameCheck(Protocol):
    """One way of looking at frames."""

    @property
    def name(self) -> str:
        """Stable and public: it stands on verdicts."""

    def check(self, sample: Sample) -> tuple[Finding, ...]:
        """Report what was seen; an exception of any kind means "no answer" and blocks."""


def standard_checks(registry: Registry) -> tuple[FrameCheck, ...]:
    """Make the checks that every installation runs; loads the models."""
    return (FingerprintCheck(registry), NudityCheck())


class OutputModeration:
    """Moderates clips under one registry with a fixed list of checks."""

    def __init__(self, registry: Registry, checks: Sequence[FrameCheck]) -> None:
        """Raises SafeguardError without checks: it would release everything."""
        if not checks:
            raise SafeguardError("moderation needs at least one check; pass standard_checks()")
        self._registry_version = registry.version
        self._checks = tuple(checks)

    def moderate(self, frames_THWC: npt.NDArray[np.uint8], fps: int) -> Verdict:
        """Decide about one clip of uint8 RGB frames; a clip that is not that is blocked."""
        step = "sample"
        findings: list[Finding] = []
        try:
            sample = sample_clip(frames_THWC, fps)
            for check in self._checks:
                step = check.name
                findings.extend(check.check(sample))
            step = "policy"
            return policy.decide(
                findings, checkpoint=Checkpoint.OUTPUT, registry_version=self._registry_version
            )
        except Exception:  # the edge of the safeguard: whatever it is, fail closed
            logger.exception("check failed", extra={"action": "check_failed", "check": step})
            return policy.check_failed(
                step, checkpoint=Checkpoint.OUTPUT, registry_version=self._registry_version
            )
