"""A halt as a record, and which jobs it covers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HaltKind(StrEnum):
    """What is stopped."""

    MODEL = "model"
    TENANT = "tenant"
    REGION = "region"
    """Where clips are shown. Jobs that name no region are covered by every halt of a region."""


class HaltMode(StrEnum):
    """What becomes of jobs that nobody works on yet. Running ones are cancelled either way."""

    WAIT = "wait"
    """They wait, and new ones with them, until the halt is lifted."""
    FAIL = "fail"
    """They are cancelled, and new ones are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Halt:
    """One order to stop, as the store has it."""

    id: str
    kind: HaltKind
    value: str
    """The model's, tenant's or region's name."""
    mode: HaltMode
    reason: str
    """Shown to the callers whose jobs it stops."""
    who: str
    created_at: datetime
    lifted_at: datetime | None
    lifted_by: str | None

    @property
    def is_active(self) -> bool:
        return self.lifted_at is None

    @property
    def message(self) -> str:
        """For the callers."""
        about = "Your account" if self.kind is HaltKind.TENANT else f"The {self.kind} {self.value}"
        return f"{about} is halted by the operator: {self.reason}"


def covers(halt: Halt, *, model: str, tenant_id: str, region: str) -> bool:
    """Whether the halt is in force and stops a job of these three."""
    if not halt.is_active:
        return False
    match halt.kind:
        case HaltKind.MODEL:
            return halt.value == model
        case HaltKind.TENANT:
            return halt.value == tenant_id
        case HaltKind.REGION:
            return region in (halt.value, "")


def strictest(halts: list[Halt]) -> Halt | None:
    """Of several halts on one job the one that counts: failing beats waiting, then the oldest."""
    return min(
        halts, key=lambda halt: (halt.mode is not HaltMode.FAIL, halt.created_at), default=None
    )
