"""What happens to jobs, grants and halts is in the ledger, without anybody's words."""

from __future__ import annotations

import pytest

from telecine_platform.halts.records import HaltKind, HaltMode
from telecine_platform.halts.store import HaltStore
from telecine_platform.jobs.held import HeldJobs
from telecine_platform.jobs.store import JobStore
from telecine_platform.ledger.seal import seal_batch
from telecine_platform.ledger.store import Ledger
from telecine_platform.records import ClipKeys, Job, Stage
from telecine_safeguards.ledger.events import object_from_body
from telecine_safeguards.verdict import Action
from tests.records import at, spec, verdict
from tests.rights_records import change, grant, seeded

CLIP = ClipKeys(video="results/a", thumbnail="results/b", spritesheet="results/c")
PROMPT = "a very private prompt"


def submit(jobs: JobStore, job_id: str = "video_1") -> None:
    jobs.submit(
        job_id=job_id, tenant_id="acme", spec=spec(prompt=PROMPT), traceparent="", now=at(0)
    )


def claim(jobs: JobStore, stage: Stage) -> Job:
    job = jobs.claim(stage, "w", 15, at(5))
    assert job is not None
    return job


def kinds(ledger: Ledger, jobs: JobStore, subject: str) -> list[str]:
    seal_batch(jobs.database)
    return [entry.kind for entry in ledger.about(subject)]


def test_released_job_leaves_decisions_uses_and_its_release(jobs: JobStore, ledger: Ledger) -> None:
    rights = seeded(jobs.database)
    rights.set_shares("zorbulon", {"zorb": 2, "co": 1}, change())
    rights.grant(grant(), change())
    submit(jobs)
    screened = verdict(grants_used=("grant_1",), message=f"About: {PROMPT}")
    jobs.hand_over(claim(jobs, Stage.SCREENING), screened, at(2))
    jobs.hand_over(claim(jobs, Stage.GENERATION), None, at(3))
    jobs.complete(claim(jobs, Stage.MODERATION), CLIP, verdict(), at(4))
    expected = ["licence-use", "decision", "decision", "release"]
    assert kinds(ledger, jobs, "video_1") == expected
    use = object_from_body(ledger.about("video_1")[0].body)
    assert (use["shares"], use["price_minor"]) == ({"zorb": 2, "co": 1}, 0)
    assert kinds(ledger, jobs, "grant_1") == ["grant"]
    assert not any(PROMPT in entry.body for entry in ledger.entries())


@pytest.mark.parametrize("word", ["approve", "refuse"])
def test_review_is_in_the_ledger_without_its_note(
    jobs: JobStore, ledger: Ledger, word: str
) -> None:
    submit(jobs)
    jobs.hold(claim(jobs, Stage.SCREENING), verdict(Action.REVIEW), at(2))
    getattr(HeldJobs(jobs.database), word)(
        "video_1", who="support", note="Her name is X", now=at(3)
    )
    assert kinds(ledger, jobs, "video_1") == ["decision", "review"]
    assert not any("Her name" in entry.body for entry in ledger.entries())


def test_halt_and_revocation_are_in_the_ledger(jobs: JobStore, ledger: Ledger) -> None:
    rights, halts = seeded(jobs.database), HaltStore(jobs.database)
    rights.grant(grant(), change())
    rights.revoke("grant_1", change(1))
    halt = halts.order(
        HaltKind.TENANT, "acme", mode=HaltMode.WAIT, reason="Why.", who="ops", now=at(0)
    )
    halts.lift(halt.id, who="ops", now=at(1))
    assert kinds(ledger, jobs, "grant_1") == ["grant", "revocation"]
    assert kinds(ledger, jobs, halt.id) == ["halt", "halt-lifted"]
    assert kinds(ledger, jobs, "3") == ["registry"]


def test_lost_lease_leaves_no_event(jobs: JobStore, ledger: Ledger) -> None:
    submit(jobs)
    job = claim(jobs, Stage.SCREENING)
    jobs.cancel("video_1", "acme", at(2))
    with pytest.raises(Exception, match="no longer belongs"):
        jobs.block(job, verdict(Action.BLOCK), at(3))
    assert kinds(ledger, jobs, "video_1") == []
