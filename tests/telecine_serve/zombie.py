"""A moderation process that is stopped at the worst moment: its clip is stored and not yet named.

`python -m tests.telecine_serve.zombie`; settings come from the environment. The rest is the real
loop, so what it writes when it is let go again is what any stage would write.
"""

from __future__ import annotations

import os
import signal

from loadtests.chaos_stage import ChaosWorker
from telecine_platform.jobs.lease import Lease
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Job, Stage
from telecine_platform.settings import load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.telemetry.logs import set_up_logs
from telecine_serve.stage import Outcome, StageLoop


class Zombie(ChaosWorker):
    def work(self, job: Job, lease: Lease) -> Outcome:
        outcome = super().work(job, lease)
        os.kill(os.getpid(), signal.SIGSTOP)
        return outcome


def main() -> None:
    settings = load_settings()
    set_up_logs("zombie", settings.log_folder)
    blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
    jobs = JobStore(settings.resolved_database_url)
    StageLoop(Stage.MODERATION, Zombie(Stage.MODERATION, blobs), jobs, blobs, settings).run()


if __name__ == "__main__":
    main()
