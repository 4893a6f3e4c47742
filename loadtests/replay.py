"""`python -m loadtests.replay`: open-loop load on a running server, and a report. Several rates are
several runs; `--goodput` looks between them for the highest one that still has it.

Exit codes: 0 nothing lost and nothing made twice, 1 otherwise, 2 wrong usage, 3 the server is away.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import click

from loadtests.arrivals import (
    Arrival,
    ScheduleError,
    make_schedule,
    read_prompts,
    read_schedule,
    write_schedule,
)
from loadtests.chaos_hooks import Hook, HookError, hook_from_text
from loadtests.load_page import LoadReport, Run, write_report
from loadtests.progress_line import progress_line
from loadtests.publish import publish
from loadtests.report import Report, make_report
from loadtests.saturation import search_options, sweep
from loadtests.server_run import Measured, measure, run_of
from loadtests.show import json_from_report, text_from_report
from loadtests.target import TargetError, is_loopback
from telecine_platform.clock import utc_now
from telecine_platform.errors import TelecineError
from telecine_platform.settings import load_settings
from telecine_platform.storage.open import open_store

UNCLEAN, DEPENDENCY_DOWN = 1, 3
MAX_JOBS = 10_000
MAX_SPAN_S = 6 * 3600.0
"""A schedule that takes longer is a slip of the pen."""
_RATE = "jobs a minute"
_ROOT = Path(__file__).resolve().parents[1]
_TRAFFIC = _ROOT.parent / "shared" / "traffic" / "vbench_all_dimension.txt"
_SAMPLE = Path(__file__).resolve().parent / "prompts" / "sample.txt"


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--url", default="http://127.0.0.1:8000", help="The server.")
@click.option("--api-key", envvar="TELECINE_API_KEY", help="Sent as a bearer token.")
@click.option("--api-key-file", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A file that holds the key.")  # fmt: skip
@click.option("--num-jobs", type=click.IntRange(1, MAX_JOBS), default=30, help="How many.")
@click.option(
    "--rate-per-minute", "rates", type=click.FloatRange(0.01, 6000), multiple=True,
    default=(20.0,), help="Mean arrival rate; repeat it for several runs.",
)  # fmt: skip
@search_options("rate")
@click.option(
    "--cv", type=click.FloatRange(0.1, 10), default=1.4,
    help="Variation of the gaps: 1 Poisson, 1.4 a busy hour, 3.6 bursts.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, help="Same seed, same schedule.")
@click.option(
    "--prompts", type=click.Path(path_type=Path), show_default=False,
    help="One prompt a line. Default: VBench's in ../shared/traffic, else our own sample.",
)  # fmt: skip
@click.option("--model", help="Default: the server's own choice.")
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
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="Write report.html, report.json and report.svg there.")  # fmt: skip
@click.option("--publish", "is_published", is_flag=True,
              help="Put those three into the bucket of TELECINE_STORAGE_URL.")  # fmt: skip
@click.option("--gpus", "num_gpus", type=click.IntRange(1), default=1, help="Of a gang.")
@click.option("--gpu-hour-price", type=click.FloatRange(0), default=0.0)
@click.option("--chaos", "hook_texts", multiple=True, metavar="'SECONDS COMMAND…'",
              help="Run this during each run, so long after its first arrival.")  # fmt: skip
@click.option("--note", default="", help="A line for the report: the server, its machine.")
@click.option("--allow-remote", is_flag=True, help="The server is not here, and it is mine.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
def replay(
    url: str,
    api_key: str | None,
    api_key_file: Path | None,
    num_jobs: int,
    rates: Sequence[float],
    goodput: float | None,
    within: str,
    num_runs: int,
    cv: float,
    seed: int,
    prompts: Path | None,
    model: str | None,
    sizes: tuple[str, ...],
    lengths_s: tuple[int, ...],
    timeout_s: float,
    download: bool,
    schedule_file: Path | None,
    file_to_write: Path | None,
    out: Path | None,
    is_published: bool,
    num_gpus: int,
    gpu_hour_price: float,
    hook_texts: tuple[str, ...],
    note: str,
    allow_remote: bool,
    as_json: bool,
) -> None:
    """Ask a running Telecine for clips on a schedule, and report what became of each."""
    try:
        hooks = [hook_from_text(text) for text in hook_texts]
    except HookError as error:
        raise click.UsageError(f"--chaos: {error}") from error
    if schedule_file is not None and (len(rates) > 1 or goodput is not None):
        raise click.UsageError("--schedule is one run: leave the rates and --goodput out")

    def arrivals_at(rate_per_minute: float) -> tuple[Arrival, ...]:
        return _arrivals(
            schedule_file,
            lambda: make_schedule(
                read_prompts(prompts or (_TRAFFIC if _TRAFFIC.exists() else _SAMPLE)),
                num_jobs=num_jobs,
                rate_per_minute=rate_per_minute,
                cv=cv,
                seed=seed,
                sizes=sizes,
                lengths_s=lengths_s,
                model=model,
            ),
        )

    schedules = {rate: arrivals_at(rate) for rate in sorted(rates)}
    if file_to_write is not None:
        _write(file_to_write, schedules[min(rates)])
        return
    if not (allow_remote or is_loopback(url)):
        raise click.UsageError(
            f"{url} is not this machine: load belongs on a server of your own."
            " If it is yours, add --allow-remote."
        )
    if api_key_file is not None:
        api_key = api_key_file.read_text(encoding="utf-8").strip()
    reports: dict[float, Report] = {}

    def run(rate: float) -> Run:
        arrivals = schedules.get(rate) or arrivals_at(rate)
        measured = asyncio.run(
            _measure(url, api_key, arrivals, timeout_s, with_download=download, hooks=hooks)
        )
        about.extend(f"{_RATE} {rate:g}, {hook_run}." for hook_run in measured.hook_runs)
        reports[rate] = make_report(measured.record)
        return run_of(measured, load=rate, num_gpus=num_gpus, gpu_hour_price=gpu_hour_price)

    about = [
        f"{num_jobs} jobs a run, cv {cv:g}, seed {seed}; a gang has {num_gpus} GPUs or CPU ranks, "
        f"at {gpu_hour_price:g} an hour each. A clip's own time is the median generation time of "
        "its shape in the run.",
        *([note] if note else []),
    ]
    try:
        runs, findings = sweep(
            run, list(schedules),
            goodput=goodput, within=within, num_runs=num_runs, load_name=_RATE,
        )  # fmt: skip
        about.extend(findings)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    except TargetError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(DEPENDENCY_DOWN)
    click.echo(_shown(list(reports.values()), as_json))
    load_report = LoadReport(
        title="Load on a server", about=about, runs=runs, load_name=_RATE, goal=goodput
    )
    if out is not None:
        write_report(out, load_report)
    if is_published:
        _publish(load_report)
    if not all(report.is_clean for report in reports.values()):
        sys.exit(UNCLEAN)


async def _measure(
    url: str,
    api_key: str | None,
    arrivals: Sequence[Arrival],
    timeout_s: float,
    *,
    with_download: bool,
    hooks: Sequence[Hook],
) -> Measured:
    with progress_line(len(arrivals)) as on_event:
        return await measure(
            url,
            api_key,
            arrivals,
            timeout_s=timeout_s,
            with_download=with_download,
            on_event=on_event,
            hooks=hooks,
        )


def _shown(reports: Sequence[Report], as_json: bool) -> str:
    if as_json and len(reports) == 1:
        return json_from_report(reports[0])
    if as_json:
        return json.dumps([json.loads(json_from_report(report)) for report in reports], indent=2)
    return "\n\n".join(text_from_report(report) for report in reports)


def _publish(report: LoadReport) -> None:
    try:
        settings = load_settings()
        blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
        folder = publish(report, blobs, utc_now())
    except TelecineError as error:
        click.echo(f"Error: the report was not stored: {error}", err=True)
        sys.exit(DEPENDENCY_DOWN)
    click.echo(f"report: {folder} in the installation's storage", err=True)


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


if __name__ == "__main__":
    replay()
