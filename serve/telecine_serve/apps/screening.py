"""Screening: every text that will reach the text encoder, and every picture that the clip is to be
made from, against the rights registry.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

from telecine_platform.clock import utc_now
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.previews import Previews
from telecine_platform.records import Job
from telecine_platform.rights.follow import Following
from telecine_platform.rights.screening import policy_from_file
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_safeguards.output.looks import Looks
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.picture import moderate_picture
from telecine_safeguards.policy_rules import Circumstances
from telecine_safeguards.verdict import Action
from telecine_serve.apps.looks import new_judges, new_looks
from telecine_serve.apps.previews import PreviewAnswers
from telecine_serve.apps.registry import following
from telecine_serve.media.pictures import read_picture
from telecine_serve.screening.build import build_screen
from telecine_serve.stage import Block, HandOver, Hold, Outcome


class ScreeningWorker:
    """Holds the screen of the registry in force."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._region = settings.region
        self._clock = clock
        self._judges = new_judges(settings)
        build = build_screen(settings, self._judges)
        self._screen = following(settings, database, build)
        self._answers = PreviewAnswers(
            Previews(database), lambda: self._screen.current, settings.poll_s, clock
        )

    def work(self, job: Job, lease: Lease) -> Outcome:
        asked = Circumstances(
            tenant_id=job.tenant_id,
            region=job.terms.region or self._region,
            use=job.terms.use,
            now=self._clock(),
        )
        verdict = self._screen.current.screen(
            prompt=job.spec.prompt,
            negative_prompt=job.spec.negative_prompt,
            tenant_id=asked.tenant_id,
            region=asked.region,
            use=asked.use,
            now=asked.now,
        )
        if verdict.is_block:
            return Block(verdict=verdict)
        for key in job.spec.picture_keys:
            picture_HWC = read_picture(self._blobs, key)
            of_picture = moderate_picture(self._moderation.current, picture_HWC, asked)
            if of_picture.action is not Action.ALLOW:
                return Block(verdict=of_picture)
        if verdict.action is Action.REVIEW:
            return Hold(verdict=verdict)
        return HandOver(verdict=verdict)

    def check_health(self) -> None:
        """Nothing can break: the screen is in memory, and an old one serves on."""

    @cached_property
    def _moderation(self) -> Following[OutputModeration]:
        """The output's checks; their models are loaded for the first job that has a picture."""
        rules = policy_from_file(self._settings.policy_file)
        return following(
            self._settings,
            self._database,
            lambda registry: OutputModeration(registry, self._looks, rules),
        )

    @cached_property
    def _looks(self) -> Looks:
        return new_looks(self._settings)

    def close(self) -> None:
        if "_moderation" in self.__dict__:  # a cached property that was asked for
            self._moderation.close()
            self._looks.close()
        self._answers.close()
        self._screen.close()
        for judge in self._judges:
            judge.close()
