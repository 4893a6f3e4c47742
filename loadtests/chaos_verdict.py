"""What a chaos run left behind: every job, its history, its clip, and what must not be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from loadtests.chaos_clients import Client
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Job, JobState
from telecine_platform.storage.store import RESULTS, BlobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The count. Any fault means that a promise was broken."""

    num_accepted: int
    states: dict[str, int]
    num_repeated_creates: int
    num_lost_leases: int
    """Leases that ran out: their jobs were given to others."""
    num_fenced: int
    """Outcomes that came from an old epoch and were refused."""
    faults: list[str]


def inspect(database_url: str, blobs: BlobStore, clients: Sequence[Client], logs: Path) -> Findings:
    """Compare what the clients were promised with what the store and the blobs hold."""
    store = JobStore(database_url)
    with store.database.read() as connection:
        stored = set(connection.execute(sa.select(jobs.c.id)).scalars())
    found = store.get_many(stored)
    accepted = {job_id for client in clients for job_id in client.accepted}
    faults = [fault for client in clients for fault in client.faults]
    faults += [f"{job_id} was accepted and is lost" for job_id in accepted - found.keys()]
    faults += [f"{job_id} is there, and nobody asked for it" for job_id in found.keys() - accepted]
    num_lost_leases = 0
    for job in found.values():
        history = store.history(job.id)
        num_lost_leases += sum(row.reason == "worker_lost" for row in history)
        faults += _faults_of(job, [JobState(row.state) for row in history], blobs)
    store.close()
    return Findings(
        num_accepted=len(accepted),
        states=dict(Counter(job.state.value for job in found.values())),
        num_repeated_creates=sum(client.num_repeated_creates for client in clients),
        num_lost_leases=num_lost_leases,
        num_fenced=_num_fenced(logs),
        faults=faults,
    )


def _faults_of(job: Job, states: Sequence[JobState], blobs: BlobStore) -> Iterator[str]:
    ends = [state for state in states if state.is_final]
    if ends != [job.state]:
        yield f"{job.id} is {job.state}, and these final states are on record: {ends}"
    if job.state not in (JobState.COMPLETED, JobState.BLOCKED):
        yield f"{job.id} should be completed or blocked, and is {job.state}: {job.error}"
    if (job.clip is not None) != (job.state is JobState.COMPLETED):
        yield f"{job.id} is {job.state}, and its clip is {job.clip}"
    if job.clip is not None:
        there = set(blobs.keys(f"{RESULTS}/{job.id}"))
        if missing := set(job.clip.keys) - there:
            yield f"{job.id} was released without {sorted(missing)}"
        if f"/{job.epoch}/" not in job.clip.video:
            yield f"{job.id} is at epoch {job.epoch}, and shows {job.clip.video}"


def _num_fenced(logs: Path) -> int:
    """By text: a process that is killed leaves half a line."""
    return sum(file.read_text().count('"state": "lost') for file in logs.rglob("*.jsonl"))
