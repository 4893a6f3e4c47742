"""How many refused prompts a tenant may have: who edits a prompt by our answers has to wait.

Each refusal counts one, and what was counted fades with `FADE_S`: whoever is refused evenly, R
times an hour, stands at R. No window's edge can be waited for, and one row for each tenant is
enough. Pure; the rows are `jobs/refusals.py`.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Final

from telecine_platform.errors import TooManyRequests
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

FADE_S: Final = 3_600.0


def is_refusal(verdict: Verdict) -> bool:
    """Whether the verdict tells its caller that a prompt or picture met something.

    Any but an allow: from a rewrite or a review an attacker learns as much. A check without an
    answer and a revoked licence do not count: they have no findings.
    """
    is_stopped = verdict.checkpoint is not Checkpoint.OUTPUT and verdict.action is not Action.ALLOW
    return is_stopped and bool(verdict.findings)


def faded(level: float, counted_at: datetime, now: datetime) -> float:
    """What is left now of a level that was counted then. A clock that goes back fades nothing."""
    return level * math.exp(-max(0.0, (now - counted_at).total_seconds()) / FADE_S)


def check_refusals(level: float, refusals_per_hour: float | None) -> None:
    """Raise `TooManyRequests` for a tenant whose level stands above its quota; None: no quota."""
    if refusals_per_hour is None or level <= refusals_per_hour - 1:
        return
    raise TooManyRequests(
        f"{level:.1f} of your prompts were refused or changed within about an hour; the quota is "
        f"{refusals_per_hour:g}. Ask for something else after the wait",
        code="too_many_refusals",
        retry_after_s=FADE_S * math.log(level / max(refusals_per_hour - 1, 0.5)),
    )
