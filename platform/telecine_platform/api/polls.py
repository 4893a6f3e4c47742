"""Answers the callers who look at their jobs at the same moment with one query.

Most requests are polls. A thread and a transaction for each would cost more than all the rest of
it; so whoever comes while a read is under way waits for the next one, which reads for all of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from telecine_platform.jobs.fenced import no_such_job
from telecine_platform.records import Job

MAX_BATCH = 100
"""Jobs in one query: a read stays short, and the statement has few forms to be prepared in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Poll:
    job_id: str
    tenant_id: str
    answer: asyncio.Future[Job]

    def succeed(self, job: Job | None) -> None:
        if job is None or job.tenant_id != self.tenant_id:
            self.fail(no_such_job(self.job_id))
        elif not self.answer.done():  # done: its caller has left
            self.answer.set_result(job)

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


class Polls:
    """Belongs to one event loop. Reads only while somebody waits."""

    def __init__(self, read: Callable[[Sequence[str]], Mapping[str, Job]]) -> None:
        self._read = read
        self._waiting: list[_Poll] = []
        self._task: asyncio.Task[None] | None = None

    async def get(self, job_id: str, tenant_id: str) -> Job:
        """The tenant's job as it is now or later; raises as `JobStore.get` does."""
        poll = _Poll(
            job_id=job_id,
            tenant_id=tenant_id,
            answer=asyncio.get_running_loop().create_future(),
        )
        self._waiting.append(poll)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._answer_all())
        return await poll.answer

    async def _answer_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                found = await run_in_threadpool(self._read, list({poll.job_id for poll in batch}))
            except Exception as error:  # a task's edge: each waiting request raises it
                for poll in batch:
                    poll.fail(error)
            else:
                for poll in batch:
                    poll.succeed(found.get(poll.job_id))
