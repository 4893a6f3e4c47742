"""Rows of the job table <-> records. The only place that knows the columns' JSON."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.records import (
    ClipKeys,
    Job,
    JobError,
    JobState,
    JobTerms,
    Stage,
    VideoSpec,
)
from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict


def job_from_row(row: sa.Row[Any]) -> Job:  # Any: SQLAlchemy types a whole-table row so
    return Job(
        id=row.id,
        tenant_id=row.tenant_id,
        spec=VideoSpec(**row.spec),
        stage=Stage(row.stage),
        state=JobState(row.state),
        attempt=row.attempt,
        epoch=row.epoch,
        progress=row.progress,
        verdicts=tuple(verdict_from_json(item) for item in row.verdicts),
        traceparent=row.traceparent,
        created_at=row.created_at,
        available_at=row.available_at,
        lease_expires_at=row.lease_expires_at,
        finished_at=row.finished_at,
        draft=row.draft,
        error=None if row.error is None else JobError(**row.error),
        clip=None if row.clip is None else ClipKeys(**row.clip),
        terms=_terms_from_json(row.terms),
        claimed_at=row.claimed_at,
        num_deaths=row.num_deaths,
        generation_s=row.generation_s,
    )


def json_from_terms(terms: JobTerms) -> dict[str, object]:
    """What differs from the default, so that a plain job's row stays small."""
    values = {
        field.name: getattr(terms, field.name)
        for field in fields(JobTerms)
        if getattr(terms, field.name) != field.default
    }
    if terms.deadline_at is not None:
        values["deadline_at"] = terms.deadline_at.isoformat()
    return values


def json_from_verdict(verdict: Verdict) -> dict[str, object]:
    return asdict(verdict)


def _terms_from_json(value: dict[str, Any]) -> JobTerms:
    deadline_at = value.get("deadline_at")
    if deadline_at is None:
        return JobTerms(**value)
    return JobTerms(**value | {"deadline_at": datetime.fromisoformat(deadline_at)})


def verdict_from_json(value: dict[str, Any]) -> Verdict:
    return Verdict(
        **value
        | {
            "checkpoint": Checkpoint(value["checkpoint"]),
            "action": Action(value["action"]),
            "findings": tuple(Finding(**finding) for finding in value["findings"]),
            "grants_used": tuple(value.get("grants_used", ())),
        }
    )
