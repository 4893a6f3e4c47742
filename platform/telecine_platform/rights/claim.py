"""A licence is asked for again whenever a stage claims the job: a revoked one stops it there."""

from __future__ import annotations

from datetime import datetime

from telecine_platform.records import Job
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

LICENCE_REVOKED = "licence_revoked"


def licence_stop(rights: RightsStore, job: Job, now: datetime) -> Verdict | None:
    """A block when a grant of the job was revoked or has ended; None lets it go on.

    Most jobs have no grants, and then nothing is asked. Raises `StoreUnavailable`.
    """
    if not job.grant_ids:
        return None
    lapsed = rights.lapsed(job.grant_ids, now)
    if not lapsed:
        return None
    return Verdict(
        checkpoint=Checkpoint.PROMPT,
        action=Action.BLOCK,
        rule="licence-revoked",
        reason_code=LICENCE_REVOKED,
        message="A licence or consent that this video needs was revoked or has ended. Ask its "
        "rights holder, or describe something of your own.",
        findings=(),
        registry_version=rights.current_version(),
    )
