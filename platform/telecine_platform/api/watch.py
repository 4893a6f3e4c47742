"""Tells waiting requests that their job has moved.

However many requests wait, this process reads the jobs once per `period_s`, in one thread: a waiter
is a future and holds neither a thread nor a database connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from telecine_platform.errors import StoreUnavailable
from telecine_platform.jobs.glimpse import Glimpse

logger = logging.getLogger(__name__)

PERIOD_S = 0.25
"""A job's stages take longer; 4 reads a second cost a database little."""


class JobWatch:
    """Belongs to one event loop. Reads only while somebody waits."""

    def __init__(
        self,
        read: Callable[[Sequence[str]], dict[str, Glimpse]],
        period_s: float = PERIOD_S,
    ) -> None:
        self._read = read
        self._period_s = period_s
        self._waiters: dict[str, set[_Waiter]] = {}
        self._task: asyncio.Task[None] | None = None
        self.is_closed = False

    async def changed(
        self, job_id: str, is_news: Callable[[Glimpse | None], bool], timeout_s: float
    ) -> bool:
        """Wait until `is_news` holds for the job (None: it is gone); False after `timeout_s`.

        Returns at once when the server is stopping.
        """
        if self.is_closed or timeout_s <= 0:
            return False
        waiter = _Waiter(is_news)
        self._waiters.setdefault(job_id, set()).add(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_while_somebody_waits())
        try:
            async with asyncio.timeout(timeout_s):
                return await waiter.news
        except TimeoutError:
            return False
        finally:
            self._waiters[job_id].discard(waiter)
            if not self._waiters[job_id]:
                del self._waiters[job_id]

    def close(self) -> None:
        """Let every waiter go, so that a stopping server need not wait for them."""
        self.is_closed = True
        for waiter in [waiter for waiters in self._waiters.values() for waiter in waiters]:
            waiter.wake(False)

    async def _look_while_somebody_waits(self) -> None:
        while self._waiters:
            asked = list(self._waiters)
            try:
                found = await run_in_threadpool(self._read, asked)
            except StoreUnavailable:
                logger.warning("cannot look at watched jobs", extra={"action": "watch"})
            else:
                self._tell(asked, found)
            await asyncio.sleep(self._period_s)

    def _tell(self, asked: Sequence[str], found: dict[str, Glimpse]) -> None:
        for job_id in asked:  # others have come to wait since, and were not looked up
            for waiter in self._waiters.get(job_id, ()):
                if waiter.is_news(found.get(job_id)):
                    waiter.wake(True)


class _Waiter:
    """One request that waits."""

    def __init__(self, is_news: Callable[[Glimpse | None], bool]) -> None:
        self.is_news = is_news
        self.news: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def wake(self, has_news: bool) -> None:
        if not self.news.done():
            self.news.set_result(has_news)
