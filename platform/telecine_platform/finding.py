"""One line of a checkup's report: `telecine doctor` makes them of this machine and of a cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "note", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    what: str
    level: Level
    found: str
    cure: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)
