"""How busy this machine's cores were: near their number, the machine and not the platform was the
bottleneck of a load test.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


class CoresMeter:
    """Counts from its making. It sees all work on the cores that this process may use."""

    def __init__(
        self,
        read_s: Callable[[], tuple[float, ...]] | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read_s = read_s or _busy_s
        self._clock_s = clock_s
        self._busy_s, self._began_s = sum(self._read_s()), clock_s()
        self.num_cores = len(self._read_s())

    def busy_cores(self) -> float:
        """Cores at work so far, on average; 0 before any time has passed."""
        took_s = self._clock_s() - self._began_s
        return (sum(self._read_s()) - self._busy_s) / took_s if took_s > 0 else 0.0


def _busy_s() -> tuple[float, ...]:
    """Linux's own counts, in clock ticks: user, nice, system, idle, iowait, irq, softirq, steal."""
    counts = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        counts[name] = [int(tick) for tick in ticks[:8]]
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    cores = [counts[f"cpu{core}"] for core in sorted(os.sched_getaffinity(0))]
    return tuple((sum(ticks) - ticks[3] - ticks[4]) / ticks_per_s for ticks in cores)
