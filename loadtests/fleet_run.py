"""One load on one fresh fleet: its processes, its driver, and what is read from its store."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from loadtests.arrivals import Arrival, read_prompts
from loadtests.chaos import prepare
from loadtests.chaos_processes import Member, plain_environ
from loadtests.cores import CoresMeter
from loadtests.drive import Event, drive
from loadtests.fleet_engine import clip_s, planned_s
from loadtests.load_figures import JobTimes, Sample, figures_of
from loadtests.load_page import Run, run_from_record
from loadtests.offer import Offer, arrivals_of, tenant_names
from loadtests.report import make_report
from loadtests.results import JobStatus, RunRecord
from loadtests.target import open_client
from telecine_platform.access.keys import digest_from_key
from telecine_platform.catalogue import card_from_name
from telecine_platform.jobs.store import JobStore
from tests.postgres_server import postgres_bin, postgres_server

SIZES = ("832x480", "1280x720")
LENGTHS_S = (1, 2, 3, 5)
GANG_START_S = 120.0
TARGET_WAIT_S = 60.0
READY_WITHIN_S = 90.0
_PROMPTS = Path(__file__).resolve().parent / "prompts" / "sample.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What is simulated, in the model's own seconds."""

    model: str
    max_gangs: int
    min_gangs: int
    num_gpus: int
    """Of one gang."""
    speed: float

    def own_s(self, size: str, length_s: int) -> float:
        card = card_from_name(self.model)
        width_px, height_px = map(int, size.split("x"))
        frames = card.num_frames_from_s(length_s)
        return clip_s(self.model, width_px, height_px, frames, card.num_steps, self.num_gpus)

    @property
    def mean_clip_s(self) -> float:
        times = [self.own_s(size, length) for size in SIZES for length in LENGTHS_S]
        return sum(times) / len(times)


def run_load(fleet: Fleet, offer: Offer, load: float, gpu_hour_price: float) -> Run:
    """One fresh fleet under one load, after two clips of each shape to warm its prices up."""
    programs = postgres_bin()
    if programs is None:
        raise SystemExit("no PostgreSQL on this machine: apt-get install postgresql")
    with (
        tempfile.TemporaryDirectory(prefix="telecine-fleet-") as name,
        postgres_server(programs) as postgres,
    ):
        folder, database_url = Path(name), postgres.new_database()
        keys = {tenant: f"key-{tenant}" for tenant in tenant_names(offer.num_tenants)}
        prepare(database_url)
        arrivals = arrivals_of(offer, read_prompts(_PROMPTS))
        with _running(fleet, folder, database_url, keys) as url:
            asyncio.run(_drive(url, keys, _warm_up(list(keys))))
            started_at, cores = time.time(), CoresMeter()
            record = asyncio.run(_drive(url, keys, arrivals))
            busy_cores = cores.busy_cores()
        samples = _samples(folder / "samples.jsonl", started_at, fleet.speed)
        jobs = JobStore(database_url)
        times = _job_times(jobs, record, fleet)
        jobs.close()
    figures = figures_of(
        make_report(record), record.results, times, samples,
        load=load, speed=fleet.speed, num_gpus=fleet.num_gpus, gpu_hour_price=gpu_hour_price,
        busy_cores=busy_cores, num_cores=cores.num_cores,
    )  # fmt: skip
    return run_from_record(figures, record, samples, speed=fleet.speed)


async def _drive(url: str, keys: dict[str, str], arrivals: Sequence[Arrival]) -> RunRecord:
    """Every tenant has its own connection and key."""
    async with AsyncExitStack() as stack:
        clients = {
            tenant: await stack.enter_async_context(open_client(url, key))
            for tenant, key in keys.items()
        }
        return await drive(
            next(iter(clients.values())),
            arrivals,
            timeout_s=600.0,
            with_download=False,
            on_event=_quiet,
            tenants=clients,
        )


def _quiet(event: Event) -> None:
    """The report says it all."""


def _warm_up(tenants: Sequence[str]) -> list[Arrival]:
    """Two clips of each shape: without them the first forecasts are off by the speed."""
    shapes = [(size, length) for size in SIZES for length in LENGTHS_S] * 2
    return [
        Arrival(
            at_s=0.1 * number,
            prompt="a warm-up",
            seconds=length,
            size=size,
            seed=number,
            tenant=tenants[number % len(tenants)],
        )
        for number, (size, length) in enumerate(shapes)
    ]


@contextmanager
def _running(fleet: Fleet, folder: Path, database_url: str, keys: dict[str, str]) -> Iterator[str]:
    """The API and the stages, until the block ends."""
    port = _free_port()
    keys_file = folder / "keys.yaml"
    keys_file.write_text(
        yaml.safe_dump({tenant: [digest_from_key(key)] for tenant, key in keys.items()})
    )
    settings = {
        "DATA_DIR": folder,
        "DATABASE_URL": database_url,
        "PORT": port,
        "API_KEYS_FILE": keys_file,
        "MODEL": fleet.model,
        "NUM_RANKS": fleet.num_gpus,
        "GENERATION_MIN_REPLICAS": fleet.min_gangs,
        "GENERATION_MAX_REPLICAS": fleet.max_gangs,
        "GANG_START_S": GANG_START_S / fleet.speed,
        "TARGET_WAIT_S": TARGET_WAIT_S / fleet.speed,
        "MAX_WAIT_S": 86_400,
        "POLL_S": 0.5,
        "LEASE_S": 60,
        "HEARTBEAT_S": 10,
        "SCREENING_MODEL": "none",
        "LOG_FOLDER": folder / "logs",
    }
    environ = {f"TELECINE_{name}": str(value) for name, value in settings.items()}
    environ |= plain_environ()
    api = Member("api", "telecine_platform.api.server", [], environ)
    stages = Member(
        "stages",
        "loadtests.fleet_stages",
        [str(fleet.speed), str(folder / "samples.jsonl")],
        environ,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, api)
        yield url
    finally:
        stages.end()
        api.end()


def _wait_until_ready(url: str, api: Member) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if api.process.poll() is not None:
            raise SystemExit("the API ended at its start; its own error is above")
        try:
            if httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit(f"the API was not ready within {READY_WITHIN_S:g} s")


def _job_times(jobs: JobStore, record: RunRecord, fleet: Fleet) -> dict[str, JobTimes]:
    """Of the completed jobs, from the store."""
    done = [r.job_id for r in record.results if r.status is JobStatus.COMPLETED and r.job_id]
    found: dict[str, JobTimes] = {}
    for start in range(0, len(done), 500):
        for job_id, job in jobs.get_many(done[start : start + 500]).items():
            found[job_id] = JobTimes(
                own_s=planned_s(job, fleet.num_gpus),
                work_s=(job.generation_s or 0.0) * fleet.speed,
                video_s=float(job.spec.duration_s),
            )
    return found


def _samples(file: Path, started_at: float, speed: float) -> list[Sample]:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [
        Sample(
            at_s=(line["at"] - started_at) * speed,
            wanted=line["wanted"], ready=line["ready"], busy=line["busy"], queued=line["queued"],
        )
        for line in lines
        if line["at"] >= started_at
    ]  # fmt: skip


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
