"""Kills everything at random under load, and then counts: `python -m loadtests.chaos --minutes 5`.

A real API process, real stage loops in processes of their own and a real PostgreSQL are killed
with SIGKILL, or stopped for longer than a lease and let go again. Clients submit all the while,
each create with its Idempotency-Key until it is answered. In the end every accepted job must have
reached exactly one final state, every clip must have been released exactly once, and nothing may
be there that nobody asked for. Exit code 1 otherwise; the seed repeats the order of the blows.
"""

from __future__ import annotations

import argparse
import json
import random
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.chaos_clients import Client
from loadtests.chaos_processes import Members
from loadtests.chaos_verdict import Findings, inspect
from telecine_platform.clock import utc_now
from telecine_platform.jobs.store import JobStore
from telecine_platform.records import Stage
from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from tests.postgres_server import postgres_bin, postgres_server

NUM_CLIENTS = 4
LEASE_S, HEARTBEAT_S = 2.0, 0.5
PAUSE_S = 2.5 * LEASE_S
BLOW_EVERY_S = (0.5, 3.0)
CALM_S = 120.0
"""How long the survivors may take to finish what is left once the blows have ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run."""

    seed: int
    lasted_s: float
    blows: dict[str, int]
    """How often whom: killed, or `paused`."""
    findings: Findings


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill everything at random and count the jobs.")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    outcome = run(options.minutes * 60, options.seed)
    if options.json:
        print(json.dumps(asdict(outcome), indent=2))
    else:
        print("\n".join(_lines(outcome)))
    sys.exit(1 if outcome.findings.faults else 0)


IsEnough = Callable[[Counter[str], int], bool]
"""The blows so far and the number of accepted jobs -> whether the run can end early."""


def run(lasts_s: float, seed: int, is_enough: IsEnough = lambda _blows, _num: False) -> Outcome:
    """Strike for `lasts_s` or until it is enough, let the rest finish, and look at every job."""
    _say(f"seed {seed}")
    programs = postgres_bin()
    if programs is None:
        raise SystemExit("no PostgreSQL on this machine: apt-get install postgresql")
    with (
        tempfile.TemporaryDirectory(prefix="telecine-chaos-") as name,
        # Killed, never cut off from power: without fsync its recovery does not wait for the disk.
        postgres_server(programs, is_durable=False) as postgres,
    ):
        folder, database_url, port = Path(name), postgres.new_database(), _free_port()
        prepare(database_url)
        environ = {
            "TELECINE_DATABASE_URL": database_url,
            "TELECINE_PORT": str(port),
            "TELECINE_LEASE_S": str(LEASE_S),
            "TELECINE_HEARTBEAT_S": str(HEARTBEAT_S),
            "TELECINE_POLL_S": "0.05",
            "TELECINE_RETRY_DELAY_S": "0.1",
            "TELECINE_MAX_ATTEMPTS": "1000",
            "TELECINE_MAX_DEATHS": "1000",
        }
        members = Members(postgres, folder, environ)
        clients = [
            Client(f"http://127.0.0.1:{port}", seed, number) for number in range(NUM_CLIENTS)
        ]
        try:
            _wait_for_api(members)  # blows before the start would try nothing
            started_at = time.monotonic()
            with ThreadPoolExecutor(NUM_CLIENTS) as pool:
                running = [pool.submit(client.run) for client in clients]
                try:
                    blows = _strike(
                        members,
                        random.Random(seed),
                        started_at + lasts_s,
                        lambda so_far: is_enough(so_far, sum(len(c.accepted) for c in clients)),
                    )
                finally:
                    for client in clients:
                        client.stop()
                    members.revive()
                for future in running:
                    future.result()
            _wait_for_calm(members, database_url)
        finally:
            members.end()
        lasted_s = round(time.monotonic() - started_at, 1)
        findings = inspect(database_url, LocalStore(folder / "blobs"), clients, folder / "logs")
        return Outcome(seed=seed, lasted_s=lasted_s, blows=dict(blows), findings=findings)


def prepare(database_url: str) -> None:
    """Make the tables and the rights registry before several processes want them."""
    settings = Settings.model_validate({"database_url": database_url})
    jobs = JobStore(database_url)
    jobs.create_tables()
    open_rights(settings, jobs.database)
    jobs.close()


def _wait_for_api(members: Members) -> None:
    deadline = time.monotonic() + CALM_S
    while not members.api_answers():
        if time.monotonic() > deadline:
            raise SystemExit(f"the API did not start within {CALM_S:g} s")
        time.sleep(0.1)


def _strike(
    members: Members,
    chance: random.Random,
    until_s: float,
    is_enough: Callable[[Counter[str]], bool],
) -> Counter[str]:
    """Hit one of them now and then; whatever has ended is started again at once."""
    blows: Counter[str] = Counter()
    while time.monotonic() < until_s and not is_enough(blows):
        next_at_s = time.monotonic() + chance.uniform(*BLOW_EVERY_S)
        while time.monotonic() < next_at_s:
            members.revive()
            time.sleep(0.1)
        match chance.choices(("stage", "pause", "api", "postgres"), (3, 4, 1, 1))[0]:
            case "stage":
                victim = chance.choice(members.stages)
                victim.kill()
                blows[f"killed {victim.name}"] += 1
            case "pause":
                victim = chance.choice(members.generators)
                victim.pause(PAUSE_S)
                blows[f"paused {victim.name}"] += 1
            case "api" if members.api_answers():  # killing it while it starts would try nothing
                members.api.kill()
                blows["killed api"] += 1
            case "postgres":
                members.postgres.kill()
                members.postgres.restart()
                blows["killed postgres"] += 1
        _say(f"{max(0.0, until_s - time.monotonic()):6.1f} s to go; {sum(blows.values())} blows")
    return blows


def _wait_for_calm(members: Members, database_url: str) -> None:
    """Wait until no job is queued or running; gives up after `CALM_S`, and `inspect` says so."""
    deadline = time.monotonic() + CALM_S
    jobs = JobStore(database_url)
    while time.monotonic() < deadline and _num_unfinished(jobs) > 0:
        members.revive()
        time.sleep(0.2)
    jobs.close()


def _num_unfinished(jobs: JobStore) -> int:
    backlogs = [jobs.backlog(stage, utc_now()) for stage in Stage]
    return sum(backlog.num_queued + backlog.num_running for backlog in backlogs)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _lines(outcome: Outcome) -> Sequence[str]:
    found = outcome.findings
    return [
        f"seed {outcome.seed}, {outcome.lasted_s} s, {sum(outcome.blows.values())} blows: "
        + ", ".join(f"{name} {number}" for name, number in sorted(outcome.blows.items())),
        f"accepted {found.num_accepted}: "
        + ", ".join(f"{state} {number}" for state, number in sorted(found.states.items())),
        f"repeated creates {found.num_repeated_creates}, lost leases {found.num_lost_leases}, "
        f"writes refused to old epochs {found.num_fenced}",
        *(f"FAULT: {fault}" for fault in found.faults),
    ]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
