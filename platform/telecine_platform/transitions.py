"""The legal state changes of a job, in one table. Everything that is not here is refused."""

from __future__ import annotations

from telecine_platform.errors import IllegalTransition
from telecine_platform.records import JobState, Stage

LEGAL: dict[JobState, frozenset[JobState]] = {
    # To failed from anywhere: its deadline has passed.
    JobState.QUEUED: frozenset(
        {JobState.RUNNING, JobState.HALTED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.HALTED: frozenset({JobState.QUEUED, JobState.FAILED, JobState.CANCELLED}),
    JobState.RUNNING: frozenset(
        {
            # Handed to the next stage, back after a retryable error, or back to be made again.
            JobState.QUEUED,
            JobState.HELD,  # screening or moderation asks for a person
            JobState.COMPLETED,
            JobState.BLOCKED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    # Approved, refused, overdue, deleted.
    JobState.HELD: frozenset(
        {JobState.QUEUED, JobState.BLOCKED, JobState.FAILED, JobState.CANCELLED}
    ),
    JobState.COMPLETED: frozenset({JobState.WITHDRAWN}),
    JobState.WITHDRAWN: frozenset({JobState.COMPLETED}),  # reinstated
    JobState.BLOCKED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),  # a quarantined one, by an administrator
    JobState.CANCELLED: frozenset(),
}

NEXT_STAGE: dict[Stage, Stage | None] = {
    Stage.SCREENING: Stage.GENERATION,
    Stage.GENERATION: Stage.MODERATION,
    Stage.MODERATION: None,
}


AGAIN_STAGE: dict[Stage, Stage] = {Stage.MODERATION: Stage.GENERATION}
"""Where a stage may send a job back to, to be done again in another way."""
MAX_RESTYLES = 2
"""How often a clip is made again before the same finding blocks it."""


def check_transition(job_id: str, old: JobState, new: JobState) -> None:
    """Raise `IllegalTransition` unless `old -> new` is in the table."""
    if new not in LEGAL[old]:
        raise IllegalTransition(
            f"job {job_id} is {old} and cannot become {new}; "
            f"legal from here: {', '.join(sorted(LEGAL[old])) or 'nothing, it is final'}"
        )
