"""One rank: an actor with the model's shard. It computes on one thread and answers on another.

Without the second thread (`control`), Serve's health check would wait behind a long step and kill
a healthy gang. torch and DeepSpeed are imported when the actor starts, not with this module.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import ray

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import OutOfMemory, StorageUnavailable
from telecine_platform.records import VideoSpec
from telecine_platform.settings import Settings
from telecine_platform.storage.open import open_store
from telecine_platform.telemetry.logs import set_up_logs
from telecine_platform.telemetry.tracing import set_up_tracing, span
from telecine_serve.gang.plan import GangPlan
from telecine_serve.pod_drain import PodDrain

if TYPE_CHECKING:
    from telecine_serve.engine.checkpoint import Checkpoint
    from telecine_serve.engine.step_control import StepControl

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankStatus:
    """Where a rank is in its work. Two equal statuses far apart in time mean a standstill."""

    job_id: str | None
    phase: str
    step: int
    num_steps: int
    num_beats: int
    """Goes up with every piece of work, also within a step."""


IDLE = RankStatus(job_id=None, phase="idle", step=0, num_steps=0, num_beats=0)


class Rank:
    """Runs as a Ray actor; `status`, `cancel` and `rendezvous` answer while `generate` works."""

    def __init__(self, index: int, settings: Settings) -> None:
        self._index = index
        self._settings = settings
        self._drain = PodDrain(settings.drain_folder)
        self._control: StepControl | None = None
        self._job_id: str | None = None
        self._cancelled_job_id: str | None = None
        set_up_logs(f"rank-{index}", settings.log_folder)
        set_up_tracing(f"rank-{index}", settings.otlp_endpoint)

    @ray.method(concurrency_group="control")
    def rendezvous(self) -> tuple[str, int]:
        """Address and a free port on rank 0's node, where the ranks meet."""
        with socket.socket() as sock:
            sock.bind(("", 0))
            return ray.util.get_node_ip_address(), int(sock.getsockname()[1])

    def start(self, master_addr: str, master_port: int, plan: GangPlan) -> None:
        """Join the process group, check its collectives, load this rank's part of the model."""
        import torch

        from telecine_serve.engine.checkpoint_store import CheckpointStore
        from telecine_serve.engine.start import start_engine
        from telecine_serve.gang.adapters import open_adapters
        from telecine_serve.models.licence_gate import check_training_data
        from telecine_serve.parallel.mesh import init_ranks

        settings = self._settings
        check_training_data(settings)
        device = torch.device(settings.rank_device)  # Ray shows a rank one GPU, its own
        self._ranks = init_ranks(
            self._index,
            settings.num_ranks,
            master_addr,
            master_port,
            device,
            cfg_size=plan.axes.cfg_size,
            sp_size=plan.axes.sp_size,
        )
        self._card = card_from_name(settings.model)
        if device.type == "cuda" and not plan.placement.is_text_encoder_on_gpu:
            # Ray gives a rank one thread, with which UMT5-XXL takes minutes on the host.
            torch.set_num_threads(len(os.sched_getaffinity(0)))
        self._engine = start_engine(
            settings.resolved_model_folder,
            self._card,
            device,
            self._ranks,
            plan.placement,
            open_adapters(settings),
            compile_blocks=settings.compile_blocks,
        )
        blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
        self._checkpoints = CheckpointStore(blobs)
        self._blobs = blobs
        about = {"axes": str(plan.axes), "placement": str(plan.placement)}
        logger.info("ready", extra={"action": "rank_ready", "rank": self._index, **about})

    def generate(
        self, job_id: str, spec: VideoSpec, attempt: int, traceparent: str
    ) -> np.ndarray | None:
        """Make the clip together with the other ranks; rank 0 returns frames_THWC."""
        import torch

        from telecine_serve.engine.step_control import StepControl

        control = StepControl(self._ranks)
        if self._cancelled_job_id == job_id:
            control.cancel()
        self._control, self._job_id = control, job_id
        started_at = time.monotonic()
        try:
            with (
                self._drain.at_work(),
                span("rank", traceparent, job_id=job_id, attempt=attempt, rank=self._index),
            ):
                return self._generate(job_id, spec, control)
        except (MemoryError, torch.OutOfMemoryError) as error:
            raise OutOfMemory(
                f"{spec.num_frames} frames of {spec.width_px}x{spec.height_px} do not fit into the "
                "memory of this model's workers. Ask for a smaller or shorter video."
            ) from error
        finally:
            self._control, self._job_id = None, None
            took = {
                "duration_s": round(time.monotonic() - started_at, 4),
                "num_reused": control.progress().num_reused,
            }
            about = {"job_id": job_id, "attempt": attempt, "rank": self._index}
            logger.info("generated", extra={"action": "generated", **about, **took})

    def _generate(self, job_id: str, spec: VideoSpec, control: StepControl) -> np.ndarray | None:
        """From the job's last checkpoint, if it has one. Every rank reads it, and the job's
        pictures, for itself; the engine refuses to start unless all have found the same."""
        from telecine_serve.engine.checkpoint import CheckpointWriter, clip_fingerprint
        from telecine_serve.media.pictures import read_picture
        from telecine_serve.models.images import Images

        resume_from = self._checkpoints.latest(job_id, clip_fingerprint(spec, self._card))
        if resume_from is not None:
            about = {"job_id": job_id, "rank": self._index, "step": resume_from.step}
            logger.info("resumed", extra={"action": "resumed", **about})
        first_HWC, last_HWC = (
            None if key is None else read_picture(self._blobs, key)
            for key in (spec.first_frame, spec.last_frame)
        )
        save = partial(self._save, job_id)
        frames_THWC = self._engine.generate(
            spec,
            control,
            images=Images(first_HWC=first_HWC, last_HWC=last_HWC),
            resume_from=resume_from,
            checkpoints=CheckpointWriter(self._settings.checkpoint_s, save, time.monotonic),
        )
        if self._ranks.is_leader:
            with self._storage_may_fail("checkpoint_deleted", job_id):
                self._checkpoints.delete(job_id)
        return frames_THWC

    def _save(self, job_id: str, checkpoint: Checkpoint) -> None:
        with self._storage_may_fail("checkpoint_saved", job_id):
            self._checkpoints.save(job_id, checkpoint)

    @contextmanager
    def _storage_may_fail(self, action: str, job_id: str) -> Iterator[None]:
        """An outage of the storage must not end work that only a checkpoint was to protect."""
        about = {"job_id": job_id, "rank": self._index}
        try:
            yield
        except StorageUnavailable:
            logger.exception("storage is down", extra={"action": f"not_{action}", **about})
        else:
            logger.info("checkpoint", extra={"action": action, **about})

    @ray.method(concurrency_group="control")
    def status(self) -> RankStatus:
        control = self._control
        if control is None:
            return IDLE
        progress = control.progress()
        return RankStatus(
            job_id=self._job_id,
            phase=progress.phase,
            step=progress.step,
            num_steps=progress.num_steps,
            num_beats=progress.num_beats,
        )

    @ray.method(concurrency_group="control")
    def cancel(self, job_id: str) -> None:
        """Stop this job at the next step; harmless when it has already ended."""
        self._cancelled_job_id = job_id
        control = self._control
        if control is not None and self._job_id == job_id:
            control.cancel()
