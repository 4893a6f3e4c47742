"""A gang that makes nothing and takes the planner's time for it, so many times faster.

Everything around it is real: the loop, the lease, the store, the blobs.
"""

from __future__ import annotations

import math
import random
import time
from functools import cache

from loadtests.chaos_stage import store_blob
from telecine_platform.catalogue import card_from_name
from telecine_platform.jobs.lease import Lease
from telecine_platform.records import Job
from telecine_platform.storage.store import BlobStore, quarantine_key
from telecine_serve.models.architectures import architecture_from_name
from telecine_serve.parallel.architecture import ClipShape
from telecine_serve.parallel.plan import Cluster, make_plan
from telecine_serve.stage import HandOver, Outcome

GPU_MEMORY_BYTES = 80e9
GPUS_PER_NODE = 8
LOOK_S = 0.25
JOB_SIGMA = 0.04
"""Of the logarithm: how much two equal clips differ, as in `traces.py`."""


@cache
def clip_s(
    model: str, width_px: int, height_px: int, num_frames: int, num_steps: int, num_gpus: int
) -> float:
    """What the planner says of a clip on one gang: text, steps and decoding."""
    shape = ClipShape(
        width_px=width_px,
        height_px=height_px,
        num_frames=num_frames,
        num_steps=num_steps,
        is_guided=card_from_name(model).guidance_scale > 1,
    )
    cluster = Cluster(
        num_gpus=num_gpus, gpu_memory_bytes=GPU_MEMORY_BYTES, gpus_per_node=GPUS_PER_NODE
    )
    return make_plan(architecture_from_name(model), shape, cluster).plan.clip_s


def planned_s(job: Job, num_gpus: int) -> float:
    spec = job.spec
    return clip_s(
        spec.model, spec.width_px, spec.height_px, spec.num_frames, spec.num_steps, num_gpus
    )


class FakeEngine:
    """One gang."""

    def __init__(self, blobs: BlobStore, *, num_gpus: int, speed: float) -> None:
        self._blobs = blobs
        self._num_gpus = num_gpus
        self._speed = speed

    def work(self, job: Job, lease: Lease) -> Outcome:
        noise = math.exp(random.Random(job.id).gauss(0, JOB_SIGMA))
        took_s = planned_s(job, self._num_gpus) * noise / self._speed
        started_s = time.monotonic()
        while (left_s := started_s + took_s - time.monotonic()) > 0:
            lease.progress = int(100 * (1 - left_s / took_s))
            lease.check()
            time.sleep(min(LOOK_S, left_s))
        lease.check()
        return HandOver(draft=store_blob(self._blobs, quarantine_key(job.id, job.epoch, "draft")))

    def check_health(self) -> None: ...

    def close(self) -> None: ...
