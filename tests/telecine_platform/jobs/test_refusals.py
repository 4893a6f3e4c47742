"""Refused prompts are counted once, for their tenant, where every replica sees them."""

from __future__ import annotations

from telecine_platform.jobs.refusals import refusal_level
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict


def screened(jobs: JobStore, name: str, tenant_id: str, action: Action) -> None:
    jobs.submit(job_id=name, tenant_id=tenant_id, spec=spec(), traceparent="", now=at(0))
    job = jobs.claim(Stage.SCREENING, "w", 15, at(0))
    assert job is not None
    settle = {Action.BLOCK: jobs.block, Action.REVIEW: jobs.hold}.get(action, jobs.hand_over)
    settle(job, verdict(action), at(0))


def level(jobs: JobStore, tenant_id: str) -> float:
    with jobs.database.read() as connection:
        return refusal_level(connection, tenant_id, at(0))


def test_each_stopped_job_counts_against_its_tenant_in_every_process(
    jobs: JobStore, database_url: str
) -> None:
    for place, action in enumerate(
        (Action.BLOCK, Action.REVIEW, Action.REWRITE, Action.ALLOW, Action.BLOCK)
    ):
        screened(jobs, f"job_{place}", "acme", action)
    screened(jobs, "job_9", "other", Action.BLOCK)

    another_process = JobStore(database_url)
    assert [level(another_process, who) for who in ("acme", "other", "nobody")] == [4, 1, 0]
    another_process.close()
