"""Small schedules for tests."""

from __future__ import annotations

from loadtests.arrivals import Arrival


def arrival(prompt: str = "a red fox", seed: int = 1, at_s: float = 0.0) -> Arrival:
    return Arrival(at_s=at_s, prompt=prompt, seconds=None, size=None, seed=seed)
