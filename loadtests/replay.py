"""`python -m loadtests.replay`: open-loop load on a running server, and a report.

Exit codes: 0 nothing lost and nothing made twice, 1 otherwise, 2 wrong usage, 3 the server is away.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loadtests.arrivals import (
    Arrival,
    ScheduleError,
    make_schedule,
    read_prompts,
    read_schedule,
    write_schedule,
)
from loadtests.drive import Event, drive
from loadtests.report import Report, make_report
from loadtests.show import json_from_report, text_from_report
from loadtests.target import TargetError, is_loopback, open_client

UNCLEAN, DEPENDENCY_DOWN = 1, 3
MAX_JOBS = 10_000
MAX_SPAN_S = 6 * 3600.0
"""A schedule that takes longer is a slip of the pen."""
_ROOT = Path(__file__).resolve().parents[1]
_TRAFFIC = _ROOT.parent / "shared" / "traffic" / "vbench_all_dimension.txt"
_SAMPLE = Path(__file__).resolve().parent / "prompts" / "sample.txt"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--url", default="http://127.0.0.1:8000", help="The server.")
@click.option("--api-key", envvar="TELECINE_API_KEY", help="Sent as a bearer token.")
@click.option("--num-jobs", type=click.IntRange(1, MAX_JOBS), default=30, help="How many.")
@click.option(
    "--rate-per-minute", type=click.FloatRange(0.01, 6000), default=20.0, help="Mean arrival rate."
)
@click.option(
    "--cv", type=click.FloatRange(0.1, 10), default=1.4,
    help="Variation of the gaps: 1 Poisson, 1.4 a busy hour, 3.6 bursts.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, help="Same seed, same schedule.")
@click.option(
    "--prompts", type=click.Path(path_type=Path), show_default=False,
    help="One prompt a line. Default: VBench's in ../shared/traffic, else our own sample.",
)  # fmt: skip
@click.option("--size", "sizes", multiple=True, help="WxH; repeat it for a mix. Default: model's.")
@click.option(
    "--seconds", "lengths_s", type=int, multiple=True, help="Repeat for a mix. Default: model's."
)
@click.option(
    "--timeout-s", type=click.FloatRange(1, 7200), default=600.0,
    help="A job not final so long after its arrival is lost.",
)  # fmt: skip
@click.option("--download", is_flag=True, help="Fetch each clip, and throw it away.")
@click.option(
    "--schedule", "schedule_file", type=click.Path(path_type=Path),
    help="Replay this file, whatever the options above say of prompts, number and rate.",
)  # fmt: skip
@click.option(
    "--write-schedule",
    "file_to_write",
    type=click.Path(path_type=Path),
    help="Write the schedule there for --schedule or AIPerf, and send nothing.",
)
@click.option("--allow-remote", is_flag=True, help="The server is not here, and it is mine.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
def replay(
    url: str,
    api_key: str | None,
    num_jobs: int,
    rate_per_minute: float,
    cv: float,
    seed: int,
    prompts: Path | None,
    sizes: tuple[str, ...],
    lengths_s: tuple[int, ...],
    timeout_s: float,
    download: bool,
    schedule_file: Path | None,
    file_to_write: Path | None,
    allow_remote: bool,
    as_json: bool,
) -> None:
    """Ask a running Telecine for clips on a schedule, and report what became of each."""
    arrivals = _arrivals(
        schedule_file,
        lambda: make_schedule(
            read_prompts(prompts or (_TRAFFIC if _TRAFFIC.exists() else _SAMPLE)),
            num_jobs=num_jobs,
            rate_per_minute=rate_per_minute,
            cv=cv,
            seed=seed,
            sizes=sizes,
            lengths_s=lengths_s,
        ),
    )
    if file_to_write is not None:
        _write(file_to_write, arrivals)
        return
    if not (allow_remote or is_loopback(url)):
        raise click.UsageError(
            f"{url} is not this machine: load belongs on a server of your own."
            " If it is yours, add --allow-remote."
        )
    try:
        report = asyncio.run(_run(url, api_key, arrivals, timeout_s, with_download=download))
    except TargetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(DEPENDENCY_DOWN)
    click.echo(json_from_report(report) if as_json else text_from_report(report))
    if not report.is_clean:
        sys.exit(UNCLEAN)


async def _run(
    url: str,
    api_key: str | None,
    arrivals: Sequence[Arrival],
    timeout_s: float,
    *,
    with_download: bool,
) -> Report:
    with _progress_line(len(arrivals)) as on_event:
        async with open_client(url, api_key) as client:
            run = await drive(
                client,
                arrivals,
                timeout_s=timeout_s,
                with_download=with_download,
                on_event=on_event,
            )
    return make_report(run)


def _arrivals(
    schedule_file: Path | None, make: Callable[[], tuple[Arrival, ...]]
) -> tuple[Arrival, ...]:
    try:
        arrivals = make() if schedule_file is None else read_schedule(schedule_file)
    except ScheduleError as error:
        raise click.UsageError(str(error)) from error
    span_s = arrivals[-1].at_s
    if len(arrivals) > MAX_JOBS or span_s > MAX_SPAN_S:
        raise click.UsageError(
            f"the schedule has {len(arrivals)} jobs in {span_s:.0f} s; at most {MAX_JOBS} jobs and"
            f" {MAX_SPAN_S:.0f} s are run in one go"
        )
    return arrivals


def _write(path: Path, arrivals: Sequence[Arrival]) -> None:
    try:
        write_schedule(path, arrivals)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error}") from error
    click.echo(f"{path}: {len(arrivals)} jobs in {arrivals[-1].at_s:.1f} s", err=True)


@contextmanager
def _progress_line(num_jobs: int) -> Iterator[Callable[[Event], None]]:
    """On a terminal only; a log gets the report alone."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    counts = dict.fromkeys(Event, 0)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=num_jobs)

        def on_event(event: Event) -> None:
            counts[event] += 1
            described = ", ".join(f"{number} {name}" for name, number in counts.items())
            num_ended = counts[Event.COMPLETED] + counts[Event.ENDED_OTHERWISE]
            progress.update(task, description=described, completed=num_ended)

        yield on_event


if __name__ == "__main__":
    replay()
