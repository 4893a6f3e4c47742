"""What the job store can do: `python -m loadtests.store [--sizes 1000,100000,1000000] [--json]`.

For each database and table size: jobs are taken through every stage by one worker (times per call),
submitted by several threads at once, and polled. As many jobs wait in each table, so what grows
with the size is what the finished ones cost. The sizes take turns, round by round, so that
what else the machine does hits all of them alike. Then a real API process on one core is polled
over HTTP. PostgreSQL is started in a temporary folder; both databases put every commit on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import quantiles

import sqlalchemy as sa

from loadtests.store_fill import claim, fill, settle, submit
from loadtests.store_polls import Polls, polls_over_http
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs
from telecine_platform.records import Stage
from tests.postgres_server import postgres_bin, postgres_server

SUBMITTERS = 4
POLLS_PER_CYCLE = 5
NUM_POLLED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Calls of one kind, one after the other."""

    num_calls: int
    per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One database at one size."""

    database: str
    num_jobs: int
    fill_s: float
    calls: dict[str, Calls]
    submits_at_once_per_s: float
    """By `SUBMITTERS` threads of one process."""
    http_polls: Polls
    load_average: float
    """Of the machine at the end; 2 or more means that other work was in the way."""


@dataclass(slots=True)
class _Subject:
    """A filled store, and the times taken on it so far."""

    database: str
    num_jobs: int
    url: str
    store: JobStore
    fill_s: float
    polled: list[tuple[str, str]]
    times_s: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        started_at = time.perf_counter()
        yield
        self.times_s.setdefault(name, []).append(time.perf_counter() - started_at)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the job store can do on this machine.")
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--sizes", default="1000,100000,1000000", help="jobs in the table")
    parser.add_argument(
        "--queued", type=int, default=200, help="of them wait for a gang, each of another tenant"
    )
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--cycles", type=int, default=30, help="jobs per round and size")
    parser.add_argument("--polls", type=int, default=20_000, help="over HTTP, for each size")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    reports: list[Report] = []
    for database in options.databases.split(","):
        with _urls(database, sizes) as urls, ExitStack() as stack:
            subjects = []
            for size, url in zip(sizes, urls, strict=True):
                chance = random.Random(options.seed)
                subjects.append(_filled(database, size, options.queued, url, chance))
                stack.callback(subjects[-1].store.close)
            for number in range(options.rounds):
                _say(f"{database}: round {number + 1} of {options.rounds}")
                for subject in subjects:
                    _measure(subject, options.cycles)
            reports += [_report(subject, options.polls) for subject in subjects]
    if options.json:
        print(json.dumps([asdict(report) for report in reports], indent=2))
    else:
        print("\n".join(_lines(reports)))


@contextmanager
def _urls(database: str, sizes: list[int]) -> Iterator[list[str]]:
    """An empty database for each size."""
    if database == "sqlite":
        with tempfile.TemporaryDirectory(prefix="telecine-store-") as folder:
            yield [f"sqlite:///{folder}/{size}.db" for size in sizes]
        return
    programs = postgres_bin()
    if programs is None:
        raise SystemExit("no PostgreSQL on this machine: apt-get install postgresql")
    with postgres_server(programs) as server:
        yield [server.new_database() for _ in sizes]


def _filled(
    database: str, num_jobs: int, num_queued: int, url: str, chance: random.Random
) -> _Subject:
    _say(f"{database}: filling in {num_jobs:,} jobs")
    started_at = time.monotonic()
    store = JobStore(url)
    store.create_tables()
    fill(store, num_jobs, num_queued, datetime.now(UTC))
    with store.database.read() as connection:
        rows = connection.execute(sa.select(jobs.c.id, jobs.c.tenant_id)).all()
    polled = [(row.id, row.tenant_id) for row in chance.choices(rows, k=NUM_POLLED)]
    fill_s = round(time.monotonic() - started_at, 1)
    return _Subject(database, num_jobs, url, store, fill_s, polled)


def _measure(subject: _Subject, num_cycles: int) -> None:
    """Take as many jobs through every stage as are submitted: the queues keep their length."""
    store = subject.store
    for number in range(num_cycles):
        with subject.timed("submit"):
            submit(store, number, datetime.now(UTC))
        for stage in Stage:
            with subject.timed(f"claim {stage}"):
                job = claim(store, stage, datetime.now(UTC))
            with subject.timed("settle"):
                settle(store, job, datetime.now(UTC))
        for turn in range(POLLS_PER_CYCLE):
            wanted = subject.polled[(number * POLLS_PER_CYCLE + turn) % NUM_POLLED]
            with subject.timed("poll"):
                store.get(*wanted)


def _report(subject: _Subject, num_polls: int) -> Report:
    _say(f"{subject.database}: polling the API over {subject.num_jobs:,} jobs")
    http_polls = polls_over_http(subject.url, subject.polled, num_polls)
    return Report(
        database=subject.database,
        num_jobs=subject.num_jobs,
        fill_s=subject.fill_s,
        calls={name: _calls(times_s) for name, times_s in subject.times_s.items()},
        submits_at_once_per_s=_submits_at_once_per_s(subject.store),
        http_polls=http_polls,
        load_average=round(os.getloadavg()[0], 1),
    )


def _submits_at_once_per_s(store: JobStore, num_each: int = 100) -> float:
    def submit_all(first: int) -> None:
        for number in range(first, first + num_each):
            submit(store, number, datetime.now(UTC))

    started_at = time.perf_counter()
    with ThreadPoolExecutor(SUBMITTERS) as pool:
        list(pool.map(submit_all, range(0, SUBMITTERS * num_each, num_each)))
    return round(SUBMITTERS * num_each / (time.perf_counter() - started_at), 1)


def _calls(times_s: list[float]) -> Calls:
    cuts = quantiles(times_s, n=100)
    return Calls(
        num_calls=len(times_s),
        per_s=round(len(times_s) / sum(times_s), 1),
        p50_ms=round(cuts[49] * 1e3, 3),
        p99_ms=round(cuts[98] * 1e3, 3),
    )


def _lines(reports: list[Report]) -> Iterator[str]:
    yield f"{'':<29}{'jobs':>10}{'calls':>8}{'per s':>9}{'p50 ms':>9}{'p99 ms':>9}{'growth':>8}"
    smallest = {report.database: report for report in reversed(reports)}
    for report in reports:
        for name, calls in report.calls.items():
            growth = calls.p99_ms / smallest[report.database].calls[name].p99_ms
            yield (
                f"{report.database + ' ' + name:<29}{report.num_jobs:>10,}{calls.num_calls:>8}"
                f"{calls.per_s:>9}{calls.p50_ms:>9}{calls.p99_ms:>9}{growth:>8.2f}"
            )
        polls = report.http_polls
        yield (
            f"{report.database + ' HTTP poll':<29}{report.num_jobs:>10,}{polls.num_polls:>8}"
            f"{polls.per_s:>9}{polls.p50_ms:>9}{polls.p99_ms:>9}"
            f"  {polls.server_cpu_ms} ms of CPU each"
        )
        yield (
            f"{'':<29}{SUBMITTERS} threads at once: {report.submits_at_once_per_s} submits/s; "
            f"load average {report.load_average}; filled in {report.fill_s} s"
        )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
