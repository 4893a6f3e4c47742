"""When to ask again: a rule of the predicted finish."""

from __future__ import annotations

from datetime import datetime

MIN_POLL_MS = 500
"""Near the end; a clip of the embedded model takes seconds."""
MAX_POLL_MS = 10_000
"""However far the end is: a prediction can be wrong, and a job can be refused at once."""
_POLLS_LEFT = 5
"""A poll waits for this part of the time that is left, so that the last one comes soon after it."""


def poll_after_ms(finish_at: datetime | None, now: datetime) -> int:
    """How long to wait before the next poll; without a prediction, the shortest time."""
    if finish_at is None:
        return MIN_POLL_MS
    left_ms = (finish_at - now).total_seconds() * 1000
    return round(min(max(left_ms / _POLLS_LEFT, MIN_POLL_MS), MAX_POLL_MS))
