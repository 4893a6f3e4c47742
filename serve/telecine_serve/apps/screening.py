"""Screening: every text that will reach the text encoder, against the rights registry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from telecine_platform.clock import utc_now
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.previews import Previews
from telecine_platform.records import Job
from telecine_platform.settings import Settings
from telecine_safeguards.verdict import Action
from telecine_serve.apps.previews import PreviewAnswers
from telecine_serve.apps.registry import following
from telecine_serve.screening.build import build_screen
from telecine_serve.stage import Block, HandOver, Hold, Outcome


class ScreeningWorker:
    """Holds the screen of the registry in force."""

    def __init__(
        self, settings: Settings, database: Database, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self._region = settings.region
        self._clock = clock
        self._screen = following(settings, database, build_screen(settings))
        self._answers = PreviewAnswers(
            Previews(database), lambda: self._screen.current, settings.poll_s, clock
        )

    def work(self, job: Job, lease: Lease) -> Outcome:
        verdict = self._screen.current.screen(
            prompt=job.spec.prompt,
            negative_prompt=job.spec.negative_prompt,
            tenant_id=job.tenant_id,
            region=job.terms.region or self._region,
            use=job.terms.use,
            now=self._clock(),
        )
        if verdict.is_block:
            return Block(verdict=verdict)
        if verdict.action is Action.REVIEW:
            return Hold(verdict=verdict)
        return HandOver(verdict=verdict)

    def check_health(self) -> None:
        """Nothing can break: the screen is in memory, and an old one serves on."""

    def close(self) -> None:
        self._answers.close()
        self._screen.close()
