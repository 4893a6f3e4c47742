"""Screening: every text that will reach the text encoder, against the rights registry."""

from __future__ import annotations

from telecine_platform.jobs.lease import Lease
from telecine_platform.records import Job
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_serve.apps.registry import registry_from_settings
from telecine_serve.stage import Block, HandOver, Outcome


class ScreeningWorker:
    def __init__(self, settings: Settings, blobs: BlobStore) -> None:
        self._screen = PromptScreen(registry_from_settings(settings))

    def work(self, job: Job, lease: Lease) -> Outcome:
        verdict = self._screen.screen(
            prompt=job.spec.prompt, negative_prompt=job.spec.negative_prompt
        )
        return Block(verdict=verdict) if verdict.is_block else HandOver(verdict=verdict)

    def check_health(self) -> None:
        """Nothing can break: the registry is in memory."""

    def close(self) -> None:
        """Nothing is held."""
