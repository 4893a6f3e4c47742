"""Rows of the job table <-> records. The only place that knows the columns' JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from telecine_platform.records import ClipKeys, Job, JobError, JobState, Stage, VideoSpec
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
        verdicts=tuple(_verdict_from_json(item) for item in row.verdicts),
        traceparent=row.traceparent,
        created_at=row.created_at,
        available_at=row.available_at,
        lease_expires_at=row.lease_expires_at,
        finished_at=row.finished_at,
        draft=row.draft,
        error=None if row.error is None else JobError(**row.error),
        clip=None if row.clip is None else ClipKeys(**row.clip),
    )


def json_from_verdict(verdict: Verdict) -> dict[str, object]:
    return asdict(verdict)


def _verdict_from_json(value: dict[str, Any]) -> Verdict:
    return Verdict(
        **value
        | {
            "checkpoint": Checkpoint(value["checkpoint"]),
            "action": Action(value["action"]),
            "findings": tuple(Finding(**finding) for finding in value["findings"]),
            "grants_used": tuple(value.get("grants_used", ())),
        }
    )
