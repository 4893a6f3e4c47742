"""The Serve replica of every stage: a loop in a thread, its health, and its drain."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.settings import Settings, load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import BlobStore
from telecine_platform.telemetry.logs import set_up_logs
from telecine_platform.telemetry.tracing import flush_traces, set_up_tracing
from telecine_serve.stage import StageLoop, StageWorker

logger = logging.getLogger(__name__)


class StageReplica:
    """Works on its stage's queue from construction until Serve takes it down."""

    def __init__(self, stage: Stage, overrides: Mapping[str, object] | None = None) -> None:
        settings = load_settings(overrides=overrides)
        set_up_logs(stage, settings.log_folder)
        set_up_tracing(stage, settings.otlp_endpoint)
        blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
        self._jobs = JobStore(settings.resolved_database_url)
        self._worker = _new_worker(stage, settings, self._jobs.database, blobs)
        self._loop = StageLoop(stage, self._worker, self._jobs, blobs, settings)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=f"{stage}-loop", daemon=True)
        self._thread.start()

    def check_health(self) -> None:
        """Raise when the loop has ended or the worker is broken: Serve replaces the replica."""
        if self._failure is not None:
            raise self._failure
        self._worker.check_health()

    async def __del__(self) -> None:
        # Serve awaits this within graceful_shutdown_timeout_s: the job in hand is finished here.
        self._loop.stop()
        await asyncio.to_thread(self._thread.join)
        self._worker.close()
        self._jobs.close()
        flush_traces()

    def _run(self) -> None:
        try:
            self._loop.run()
        except Exception as error:  # a thread's edge: shown to Serve by check_health
            logger.exception("the loop ended", extra={"action": "loop_ended"})
            self._failure = error


def _new_worker(
    stage: Stage, settings: Settings, database: Database, blobs: BlobStore
) -> StageWorker:
    """Import only what the stage needs: a screening replica never loads diffusers."""
    match stage:
        case Stage.SCREENING:
            from telecine_serve.apps.screening import ScreeningWorker

            return ScreeningWorker(settings, database, blobs)
        case Stage.GENERATION:
            from telecine_serve.apps.generation import GenerationWorker

            return GenerationWorker(settings, blobs)
        case Stage.MODERATION:
            from telecine_serve.apps.moderation import ModerationWorker

            return ModerationWorker(settings, database, blobs)
