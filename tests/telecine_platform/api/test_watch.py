"""The one watcher of a process, with many requests that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from telecine_platform.api.watch import JobWatch
from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.glimpse import Glimpse
from telecine_platform.records import JobState, Stage

QUEUED = Glimpse(state=JobState.QUEUED, stage=Stage.SCREENING, epoch=0, progress=0)
DONE = Glimpse(state=JobState.COMPLETED, stage=Stage.MODERATION, epoch=3, progress=100)


class Table:
    """What the database says, and how often it was asked."""

    def __init__(self, num_jobs: int) -> None:
        self.rows = {f"video_{number}": QUEUED for number in range(num_jobs)}
        self.asked: list[int] = []
        self.num_failures = 0

    def read(self, job_ids: Sequence[str]) -> dict[str, Glimpse]:
        self.asked.append(len(job_ids))
        if self.num_failures > 0:
            self.num_failures -= 1
            raise StoreUnavailable("the database does not answer")
        return {job_id: self.rows[job_id] for job_id in job_ids if job_id in self.rows}


def has_moved(seen: Glimpse | None) -> bool:
    return seen != QUEUED


def test_thousands_of_waiters_cost_one_read_each_period() -> None:
    table = Table(3_000)
    watch = JobWatch(table.read, period_s=0.05)

    async def run() -> list[bool]:
        async with asyncio.TaskGroup() as tasks:
            waits = [tasks.create_task(watch.changed(name, has_moved, 30)) for name in table.rows]
            await asyncio.sleep(0.2)
            assert not any(wait.done() for wait in waits)
            table.rows = dict.fromkeys(table.rows, DONE)
        return [wait.result() for wait in waits]

    assert asyncio.run(run()) == [True] * 3_000
    assert max(table.asked) == 3_000
    assert len(table.asked) < 20


def test_only_the_waiters_of_what_moved_are_woken() -> None:
    table = Table(2)
    watch = JobWatch(table.read, period_s=0.01)

    async def run() -> list[bool]:
        table.rows["video_0"] = DONE
        del table.rows["video_1"]
        table.rows["video_2"] = QUEUED
        return await asyncio.gather(
            *(watch.changed(f"video_{number}", has_moved, 0.2) for number in range(3))
        )

    assert asyncio.run(run()) == [True, True, False]


def test_a_database_that_comes_back_wakes_the_waiters() -> None:
    table = Table(1)
    table.rows["video_0"], table.num_failures = DONE, 3
    watch = JobWatch(table.read, period_s=0.01)
    assert asyncio.run(watch.changed("video_0", has_moved, 10)) is True
    assert len(table.asked) == 4


def test_a_stopping_server_lets_every_waiter_go() -> None:
    watch = JobWatch(Table(1).read, period_s=0.01)

    async def run() -> tuple[bool, bool]:
        waiting = asyncio.create_task(watch.changed("video_0", has_moved, 60))
        await asyncio.sleep(0.05)
        watch.close()
        return await waiting, await watch.changed("video_0", has_moved, 60)

    assert asyncio.run(run()) == (False, False)
