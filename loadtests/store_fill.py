"""Fills a job store: a few jobs made by the store itself, and copies of the finished ones.

Copies are made inside the database, row by row of the templates, so that a new column of the
tables needs no change here.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from telecine_platform.ids import new_job_id
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs, transitions
from telecine_platform.records import ClipKeys, Job, Stage, VideoSpec
from telecine_platform.storage.store import result_key
from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict

NUM_TENANTS = 1_000
NUM_TEMPLATES = 200
"""Finished jobs that are made one by one; one in twenty of them is blocked."""
_PROMPTS = (Path(__file__).parent / "prompts" / "sample.txt").read_text().splitlines()


def fill(store: JobStore, num_jobs: int, num_queued: int, now: datetime) -> None:
    """Bring an empty store to `num_jobs` jobs, of which `num_queued` wait for generation."""
    num_templates = min(NUM_TEMPLATES, num_jobs - num_queued)
    templates = [
        finish(store, submit(store, number, now), is_blocked=number % 20 == 0, now=now)
        for number in range(num_templates)
    ]
    _copy(store, templates, num_jobs - num_queued)
    for number in range(num_queued):
        submit(store, number, now)
        job = claim(store, Stage.SCREENING, now)
        store.hand_over(job, verdict(), now)
    _tidy(store)


def submit(store: JobStore, number: int, now: datetime) -> Job:
    """One more job; the tenants take turns."""
    spec = VideoSpec(
        model="embedded", prompt=_PROMPTS[number % len(_PROMPTS)], negative_prompt="",
        width_px=832, height_px=480, num_frames=81, fps=16, num_steps=40, guidance_scale=5.0,
        seed=number,
    )  # fmt: skip
    return store.submit(
        job_id=new_job_id(now + timedelta(milliseconds=number)),
        tenant_id=f"tenant-{number % NUM_TENANTS}",
        spec=spec,
        traceparent="",
        now=now,
    )


def claim(store: JobStore, stage: Stage, now: datetime) -> Job:
    """The next job of that stage; there has to be one."""
    job = store.claim(stage, "loadtest", 60.0, now)
    if job is None:
        raise RuntimeError(f"the {stage} queue is empty, and it should not be")
    return job


def settle(store: JobStore, job: Job, now: datetime) -> None:
    """Hand the job on, or release its clip when moderation has it."""
    if job.stage is Stage.MODERATION:
        names = ("clip.mp4", "thumbnail.webp", "spritesheet.jpg")
        video, thumbnail, spritesheet = (result_key(job.id, job.epoch, name) for name in names)
        clip = ClipKeys(video=video, thumbnail=thumbnail, spritesheet=spritesheet)
        store.complete(job, clip, verdict(), now)
    else:
        store.hand_over(job, verdict(), now, draft="draft.mkv")


def finish(store: JobStore, job: Job, *, is_blocked: bool, now: datetime) -> Job:
    """Take the only queued job through every stage, or let screening block it."""
    screened = claim(store, Stage.SCREENING, now)
    if is_blocked:
        store.block(screened, verdict(Action.BLOCK), now)
        return job
    settle(store, screened, now)
    settle(store, claim(store, Stage.GENERATION, now), now)
    settle(store, claim(store, Stage.MODERATION, now), now)
    return job


def verdict(action: Action = Action.ALLOW) -> Verdict:
    finding = Finding(check="names", score=0.2, matched="red")
    return Verdict(
        checkpoint=Checkpoint.PROMPT, action=action, rule="default-allow", reason_code="allowed",
        message="Nothing protected was found.", findings=(finding,) * 3, registry_version="1-load",
    )  # fmt: skip


def _tidy(store: JobStore) -> None:
    """Do now what PostgreSQL would do some time after so many rows, in the middle of the run."""
    with store.database.read() as connection:
        is_sqlite = connection.dialect.name == "sqlite"
    engine = sa.create_engine(connection.engine.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in ("ANALYZE",) if is_sqlite else ("VACUUM ANALYZE", "CHECKPOINT"):
            connection.execute(sa.text(statement))
    engine.dispose()


def _copy(store: JobStore, templates: list[Job], num_wanted: int) -> None:
    """Multiply the templates until there are `num_wanted` jobs of their kind."""
    num_copies, num_rest = divmod(num_wanted - len(templates), len(templates))
    for number, template in enumerate(templates):
        count = num_copies + (number < num_rest)
        with store.database.write() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            as_hex = "printf('%012x', n)" if is_sqlite else "lpad(to_hex(n), 12, '0')"
            # New ids keep the template's time, so they lie between the others.
            copy_id = f"substr(:id, 1, 18) || '{number:08x}' || {as_hex}"
            series = (
                "WITH RECURSIVE copies(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < :count) "
            )
            for table, key in ((jobs, "id"), (transitions, "job_id")):
                names = [
                    column.name for column in table.c if (table, column.name) != (transitions, "id")
                ]
                values = {key: copy_id, "tenant_id": f"'tenant-' || (n % {NUM_TENANTS})"}
                chosen = ", ".join(values.get(name, name) for name in names)
                statement = (
                    f"INSERT INTO {table.name} ({', '.join(names)}) {series}"
                    f"SELECT {chosen} FROM copies, {table.name} WHERE {table.name}.{key} = :id"
                )
                if count:
                    connection.execute(sa.text(statement), {"id": template.id, "count": count})
