"""How many gangs generation wants, from the seconds of work in its queue. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Generation's work at one moment, in seconds of one gang."""

    num_queued: int
    queued_s: float
    num_running: int
    running_s: float
    """What the running jobs still need."""


NO_WORK = Work(num_queued=0, queued_s=0.0, num_running=0, running_s=0.0)


def desired_gangs(work: Work, target_wait_s: float) -> int:
    """Gangs that work everything off within `target_wait_s`; 0 without work.

    Never fewer than the running jobs, because Serve picks its victims without looking at who is
    busy, and never more than there are jobs.
    """
    wanted = max(1, math.ceil((work.queued_s + work.running_s) / target_wait_s))
    return max(work.num_running, min(wanted, work.num_running + work.num_queued))
