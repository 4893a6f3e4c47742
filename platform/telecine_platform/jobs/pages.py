"""A tenant's jobs by number of page, and how many there are: what Ark's list asks for."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.rows import job_from_row
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import NO_TERMS, OVERDUE, Job, JobState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs to list; None: all of them, whatever that is."""

    states: tuple[JobState, ...] | None = None
    was_claimed: bool | None = None
    was_overdue: bool | None = None
    """Whether it failed because its deadline passed."""
    model: str | None = None
    service_tier: str | None = None
    job_ids: tuple[str, ...] | None = None


def numbered_page(
    database: Database, tenant_id: str, wanted: JobFilter, *, number: int, size: int
) -> tuple[list[Job], int]:
    """The page of that number, from 1, newest first, and how many jobs all pages have."""
    conditions = _conditions(tenant_id, wanted)
    query = (
        sa.select(jobs)
        .where(*conditions)
        .order_by(jobs.c.id.desc())
        .limit(size)
        .offset((number - 1) * size)
    )
    with database.read() as connection:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(jobs).where(*conditions)
        ).scalar_one()
        return [job_from_row(row) for row in connection.execute(query)], total


def _conditions(tenant_id: str, wanted: JobFilter) -> list[sa.ColumnElement[bool]]:
    found = [jobs.c.tenant_id == tenant_id, jobs.c.deleted_at.is_(None)]
    if wanted.states is not None:
        found.append(jobs.c.state.in_(wanted.states))
    if wanted.was_claimed is not None:
        found.append(jobs.c.epoch > 0 if wanted.was_claimed else jobs.c.epoch == 0)
    if wanted.was_overdue is not None:
        is_overdue = sa.func.coalesce(jobs.c.error["code"].as_string(), "") == OVERDUE
        found.append(is_overdue if wanted.was_overdue else ~is_overdue)
    if wanted.model is not None:
        found.append(jobs.c.spec["model"].as_string() == wanted.model)
    if wanted.service_tier is not None:
        tier = jobs.c.terms["service_tier"].as_string()
        found.append(sa.func.coalesce(tier, NO_TERMS.service_tier) == wanted.service_tier)
    if wanted.job_ids is not None:
        found.append(jobs.c.id.in_(wanted.job_ids))
    return found
