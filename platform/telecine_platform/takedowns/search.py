"""Searches what was released for what a claim describes: by fingerprint, and by prompt.

A claim's search is complete when every job that was made before its entity was in force everywhere
has ended, and all released clips have been looked at after that. What is made later meets the
entity itself. A verified claim is searched once more from the beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.clips.fingerprints import FingerprintSearch
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs
from telecine_platform.ledger.append import append_event
from telecine_platform.records import Job
from telecine_platform.rights.entities import find_entity
from telecine_platform.takedowns.query import query_from_bytes
from telecine_platform.takedowns.states import ClaimState, HoldState
from telecine_platform.takedowns.tables import claims, holds
from telecine_safeguards.ledger.events import EventKind
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import Entity, Registry
from telecine_safeguards.verdict import Action

IN_FORCE_S = 30.0
"""By then every replica follows a new version: it asks every 2 s, and builds for some seconds."""
OVERLAP_S = 60.0
"""A later pass looks so far back: releases are not visible in the order of their times."""
PASS_S = 5.0
"""Between two passes for one claim."""
_PAGE = 500
MAX_NEW = 5_000
"""Clips that one pass adds; the next one goes on."""
_FINGERPRINT, _PROMPT = "fingerprint", "prompt"


def search_due(database: Database, fingerprints: FingerprintSearch, now: datetime) -> int:
    """One pass for the open claim that has waited longest; returns how many clips it found."""
    query = (
        sa.select(claims)
        .where(
            claims.c.is_search_complete.is_(False),
            claims.c.state.in_((ClaimState.FILED, ClaimState.VERIFIED)),
            sa.or_(
                claims.c.searched_at.is_(None),
                claims.c.searched_at <= now - timedelta(seconds=PASS_S),
            ),
        )
        .order_by(claims.c.searched_at.is_not(None), claims.c.searched_at, claims.c.id)
        .limit(1)
    )
    with database.read() as connection:
        row = connection.execute(query).one_or_none()
        if row is None:
            return 0
        entity = find_entity(connection, row.entity_id).entity
        is_last = row.is_studied and _is_quiet(connection, row, now)
    since = None
    if row.searched_at is not None:
        since = row.searched_at - timedelta(seconds=OVERLAP_S)
    found = dict.fromkeys(fingerprints.find(query_from_bytes(row.query), since), _FINGERPRINT)
    if row.names:
        found |= dict.fromkeys(_by_prompt(database, entity, since), _PROMPT)
    return _keep(database, row, found, is_last, now)


def _by_prompt(database: Database, entity: Entity, since: datetime | None) -> Iterator[str]:
    """Released jobs whose prompt, as it was generated, the entity's screen does not let pass."""
    screen = PromptScreen(Registry(version=entity.id, entities=(entity,)))
    for page in _released(database, since):
        prompts = [(job.screened_spec.prompt, "") for job in page]
        for job, verdict in zip(page, screen.screen_many(prompts), strict=True):
            named = any(finding.entity_id == entity.id for finding in verdict.findings)
            if named and verdict.action is not Action.ALLOW:
                yield job.id


def _released(database: Database, since: datetime | None) -> Iterator[list[Job]]:
    """Jobs with a released clip, by id; `since`: that ended from then on."""
    after = ""
    while True:
        query = (
            sa.select(jobs)
            .where(jobs.c.id > after, jobs.c.clip.is_not(None), jobs.c.deleted_at.is_(None))
            .order_by(jobs.c.id)
            .limit(_PAGE)
        )
        if since is not None:
            query = query.where(jobs.c.finished_at >= since)
        with database.read() as connection:
            page = [job_from_row(row) for row in connection.execute(query)]
        if not page:
            return
        yield page
        after = page[-1].id


def _is_quiet(connection: sa.Connection, claim: sa.Row[Any], now: datetime) -> bool:
    """Whether no job is left that was made before the entity could stop it."""
    in_force_at = claim.filed_at + timedelta(seconds=IN_FORCE_S)
    if now < in_force_at:
        return False
    earlier = sa.select(jobs.c.id).where(
        jobs.c.finished_at.is_(None), jobs.c.created_at < in_force_at
    )
    return connection.execute(earlier.limit(1)).first() is None


def _keep(
    database: Database, claim: sa.Row[Any], found: dict[str, str], is_last: bool, now: datetime
) -> int:
    """Add a hold for each clip that is new to the claim, and say how far it was searched."""
    with database.write() as connection:
        same = (claims.c.id == claim.id, claims.c.state == claim.state)
        current = connection.execute(sa.select(claims).where(*same).with_for_update()).one_or_none()
        if current is None or (current.searched_at, current.query) != (
            claim.searched_at, claim.query,
        ):  # fmt: skip
            return 0  # it was decided or changed meanwhile: the next pass begins anew
        known = set(
            connection.execute(
                sa.select(holds.c.job_id).where(holds.c.claim_id == claim.id)
            ).scalars()
        )
        every_new = sorted(set(found) - known)
        new = every_new[:MAX_NEW]
        query = sa.select(jobs.c.id, jobs.c.tenant_id).where(jobs.c.id.in_(new))
        owners = {row.id: row.tenant_id for row in connection.execute(query)}
        for job_id in new:
            connection.execute(
                sa.insert(holds).values(
                    claim_id=claim.id,
                    job_id=job_id,
                    tenant_id=owners[job_id],
                    state=HoldState.FOUND,
                    by=found[job_id],
                    found_at=now,
                )
            )
            body = {"claim_id": claim.id, "state": HoldState.FOUND, "by": found[job_id]}
            append_event(connection, EventKind.CLIP_CLAIM, job_id, body, now)
        if new == every_new:
            values = {"searched_at": now, "is_search_complete": is_last}
            connection.execute(sa.update(claims).where(claims.c.id == claim.id).values(values))
        return len(new)
