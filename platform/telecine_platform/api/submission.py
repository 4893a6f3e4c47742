"""Where a checked request becomes a job, whichever API's words it came in.

Invariant: a create that comes again is found before anything is counted against its tenant, so a
retry is never refused for the room that its own first try took.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Header

from telecine_platform.api.context import ApiContext
from telecine_platform.api.pictures.keep import delete_pictures, digest_of, kept
from telecine_platform.api.pictures.read import NO_PICTURES, Pictures
from telecine_platform.errors import InvalidRequest
from telecine_platform.ids import new_job_id
from telecine_platform.jobs.tickets import Ticket
from telecine_platform.records import Job, JobTerms, VideoSpec
from telecine_platform.settings import Settings
from telecine_platform.telemetry.tracing import current_traceparent

logger = logging.getLogger(__name__)

IDEMPOTENCY_KEY = "Idempotency-Key"
IdempotencyKey = Annotated[
    str | None,
    Header(alias=IDEMPOTENCY_KEY, description="The same key and body make the same job once."),
]
_MAX_KEY_CHARS = 255
_MAX_RANDOM_SEED = 2**53
"""A seed that we choose survives JSON readers that keep numbers as doubles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One checked request."""

    tenant_id: str
    spec: VideoSpec
    terms: JobTerms
    ticket: Ticket | None
    """None: each time it comes, it is another job."""
    pictures: Pictures = NO_PICTURES


def submit(context: ApiContext, submission: Submission, request_id: str) -> Job:
    """Store the request as a job, or find the job that it is already. Blocks on the database."""
    now = context.now()
    job = _submitted_before(context, submission, now)
    if job is None:
        admission = context.desk.admit(submission.tenant_id, submission.spec, submission.terms, now)
        new_id = new_job_id(now)
        with kept(context.blobs, new_id, submission.spec, submission.pictures) as spec:
            job = context.jobs.submit(
                job_id=new_id,
                tenant_id=submission.tenant_id,
                spec=spec,
                terms=submission.terms,
                ticket=submission.ticket,
                admission=admission,
                traceparent=current_traceparent(),
                now=now,
            )
        if job.id != new_id:
            delete_pictures(context.blobs, new_id, submission.pictures)
        action = "job_submitted" if job.id == new_id else "job_found"
    else:
        action = "job_found"
    logger.info(
        action.replace("_", " "),
        extra={"action": action, "job_id": job.id, "state": job.state, "request_id": request_id},
    )
    return job


def random_seed() -> int:
    """For a request that names none."""
    return secrets.randbelow(_MAX_RANDOM_SEED)


def ticket_from_request(
    idempotency_key: str | None,
    body: str,
    settings: Settings,
    now: datetime,
    pictures: Pictures = NO_PICTURES,
) -> Ticket | None:
    """What names this create: the caller's key, or its content where equal creates are folded.

    `body` is the checked request in a fixed form, with its route. Raises `InvalidRequest` for a
    key that is empty or too long.
    """
    # Of a request without pictures nothing may change: tickets outlive an upgrade.
    body_sha256 = _sha256(body if pictures == NO_PICTURES else f"{body} {digest_of(pictures)}")
    if idempotency_key is not None:
        if not 1 <= len(idempotency_key) <= _MAX_KEY_CHARS:
            raise InvalidRequest(
                f"{IDEMPOTENCY_KEY} has {len(idempotency_key)} characters; "
                f"send 1 to {_MAX_KEY_CHARS}, as a UUID",
                param=IDEMPOTENCY_KEY,
            )
        key, ttl_s = f"key {idempotency_key}", settings.idempotency_ttl_s
    elif settings.fold_window_s > 0:
        key, ttl_s = f"body {body_sha256}", settings.fold_window_s
    else:
        return None
    return Ticket(
        key_sha256=_sha256(key), body_sha256=body_sha256, expires_at=now + timedelta(seconds=ttl_s)
    )


def _submitted_before(context: ApiContext, submission: Submission, now: datetime) -> Job | None:
    if submission.ticket is None:
        return None
    return context.jobs.submitted_before(submission.ticket, submission.tenant_id, now)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
