"""One schedule on a running server: driven, watched once a second, and summed up as a `Run`.

Everything is seen from outside, by HTTP, so it is the same for this machine and for a cluster. A
clip's own time is the median generation time of its shape in this run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from statistics import median

import httpx

from loadtests.arrivals import Arrival
from loadtests.chaos_hooks import Hook, HookRun, at_their_times
from loadtests.cores import CoresMeter
from loadtests.drive import Event, drive
from loadtests.load_figures import JobTimes, Sample, figures_of
from loadtests.load_page import Run, run_from_record
from loadtests.report import make_report
from loadtests.results import JobResult, JobStatus, RunRecord
from loadtests.target import gangs_seen, open_client

PERIOD_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run has found out."""

    record: RunRecord
    samples: Sequence[Sample]
    """Empty: the server shows no figures of its gangs."""
    hook_runs: Sequence[HookRun]
    busy_cores: float
    """Of the driver's machine; the server's too where both are one."""
    num_cores: int


async def measure(
    url: str,
    api_key: str | None,
    arrivals: Sequence[Arrival],
    *,
    timeout_s: float,
    with_download: bool,
    on_event: Callable[[Event], None],
    hooks: Sequence[Hook] = (),
) -> Measured:
    """Raises `TargetError` as `drive` does."""
    samples: list[Sample] = []
    hook_runs: list[HookRun] = []
    cores = CoresMeter()
    async with (
        open_client(url, api_key) as client,
        _watched(client, samples),
        at_their_times(hooks, hook_runs),
    ):
        record = await drive(
            client,
            arrivals,
            timeout_s=timeout_s,
            with_download=with_download,
            on_event=on_event,
        )
        busy_cores = cores.busy_cores()
    return Measured(
        record=record,
        samples=samples,
        hook_runs=hook_runs,
        busy_cores=busy_cores,
        num_cores=cores.num_cores,
    )


def run_of(measured: Measured, *, load: float, num_gpus: int, gpu_hour_price: float) -> Run:
    """`load` is the name of the run; `num_gpus` are a gang's."""
    record = measured.record
    figures = figures_of(
        make_report(record),
        record.results,
        job_times(record.results),
        measured.samples,
        load=load,
        speed=1.0,
        num_gpus=num_gpus,
        gpu_hour_price=gpu_hour_price,
        busy_cores=measured.busy_cores,
        num_cores=measured.num_cores,
    )
    return run_from_record(figures, record, measured.samples, speed=1.0)


def job_times(results: Sequence[JobResult]) -> dict[str, JobTimes]:
    """Of the completed jobs whose server says how long generation and clip were."""
    done = [
        (result.job_id, (result.arrival.size, result.video_s), result.inference_time_s)
        for result in results
        if result.status is JobStatus.COMPLETED
    ]
    by_shape: dict[object, list[float]] = {}
    for _, shape, work_s in done:
        if work_s is not None:
            by_shape.setdefault(shape, []).append(work_s)
    return {
        job_id: JobTimes(own_s=median(by_shape[shape]), work_s=work_s, video_s=shape[1])
        for job_id, shape, work_s in done
        if job_id is not None and work_s is not None and shape[1] is not None
    }


@asynccontextmanager
async def _watched(client: httpx.AsyncClient, samples: list[Sample]) -> AsyncIterator[None]:
    """Meanwhile, add what the server shows of its gangs to `samples`."""
    now_s = asyncio.get_running_loop().time
    began_s = now_s()

    async def watch() -> None:
        while True:
            seen = await gangs_seen(client)
            if seen is not None:
                sample = Sample(
                    at_s=now_s() - began_s,
                    wanted=None,
                    ready=seen.num_busy + seen.num_idle,
                    busy=seen.num_busy,
                    queued=seen.num_queued,
                )
                samples.append(sample)
            await asyncio.sleep(PERIOD_S)

    task = asyncio.create_task(watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
