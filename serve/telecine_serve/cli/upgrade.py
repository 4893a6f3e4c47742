"""`telecine upgrade preview`: what applying a new release would do, before it is applied."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import click

from telecine_platform.clock import utc_now
from telecine_platform.jobs.demand import read_demand
from telecine_platform.jobs.store import JobStore
from telecine_platform.k8s.drain import Fate, JobFate, fates_of
from telecine_platform.k8s.manifests import read_release
from telecine_platform.k8s.preview import Preview, Verdict, preview_release
from telecine_platform.scheduling.forecast import RunningJob
from telecine_platform.settings import Settings
from telecine_serve.cli.reporting import reporting, settings_of, show

SHOWN_PATHS = 8
"""More paths than this are counted, not listed; `--json` has them all."""


@click.group()
def upgrade() -> None:
    """Look at an upgrade before it happens."""


@upgrade.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--start-s", type=click.FloatRange(0), default=600.0, show_default=True,
    help="Seconds until a new cluster is ready: nodes, images, weights.",
)  # fmt: skip
@click.option("--jobs", "with_jobs", is_flag=True, help="Ask the job store what runs now.")
@reporting
@click.pass_context
def preview(context: click.Context, old: Path, new: Path, start_s: float, with_jobs: bool) -> None:
    """Compare two rendered releases, OLD and NEW: files or folders of manifests.

    Says whether KubeRay changes the cluster in place or builds a second one beside it, with how
    many GPUs more and for how long, and which jobs are in the way.
    """
    settings = settings_of(context)
    found = preview_release(
        read_release(old), read_release(new), start_s=start_s, drain_s=settings.drain_s
    )
    running = _running(settings) if with_jobs else []
    for service in found.services:
        fates = fates_of(running, service.drain, num_gpus=settings.num_ranks, now=utc_now())
        view = asdict(service) | {"jobs": [asdict(fate) for fate in fates] if with_jobs else None}
        show(context, view, "\n".join([*_lines(service), *_job_lines(fates, service, with_jobs)]))
    for line in found.others:
        show(context, {"other": line}, line)


def _running(settings: Settings) -> list[RunningJob]:
    with closing(JobStore(settings.resolved_database_url)) as jobs, jobs.database.read() as reading:
        return list(read_demand(reading, utc_now()).running)


def _lines(preview: Preview) -> Iterator[str]:
    yield f"RayService {preview.name}: {headline(preview)}"
    yield from _paths("  because of", preview.because)
    yield from _paths("  without effect on the running cluster:", preview.not_applied)
    yield from (f"  application {app.name} {app.effect}" for app in preview.apps)
    if preview.drain is not None:
        yield f"  {_drain_line(preview)}"
    yield from (f"  ! {note}" for note in preview.notes)


def headline(preview: Preview) -> str:
    """The verdict with its price, as in `a second cluster, +16 GPUs for 12 minutes`."""
    at_most = preview.extra_gpus_at_most
    gpus = f"+{preview.extra_gpus} GPUs"
    if at_most is None:
        gpus += " (without a bound)"
    elif at_most != preview.extra_gpus:
        gpus += f" (up to +{at_most} as the queue asks)"
    if preview.verdict is Verdict.SECOND_CLUSTER:
        return f"{preview.verdict}, {gpus} for {_minutes(preview.extra_for_s)}"
    has_gpus = preview.extra_gpus > 0 or at_most != 0
    return f"{preview.verdict}, {gpus}" if has_gpus else str(preview.verdict)


def _drain_line(preview: Preview) -> str:
    assert preview.drain is not None  # the caller has looked
    drain = preview.drain
    who = ", ".join(drain.apps) or "no application"
    when = "at once"
    if drain.begins_after_s:
        when = f"after {_minutes(drain.begins_after_s)}, when the old cluster is deleted"
    if drain.at_most_s == 0:
        return f"workers of {who} end {when}; they do not finish their jobs"
    return f"workers of {who} end {when}; each may finish its job for {_minutes(drain.at_most_s)}"


def _job_lines(fates: tuple[JobFate, ...], preview: Preview, is_asked: bool) -> Iterator[str]:
    if preview.drain is None:
        return
    if not is_asked:
        yield "  running jobs: not asked; add --jobs"
        return
    counts = {fate: sum(job.fate is fate for job in fates) for fate in Fate}
    said = ", ".join(f"{number} {fate}" for fate, number in counts.items() if number)
    yield f"  clips being made now: {said or 'none in the way'}"
    for job in fates:
        if job.fate is not Fate.UNTOUCHED:
            yield f"    {job.job_id} {job.fate}, {job.left_s:.0f} s left"


def _paths(title: str, paths: tuple[str, ...]) -> Iterator[str]:
    if not paths:
        return
    shown = list(paths[:SHOWN_PATHS])
    if len(paths) > SHOWN_PATHS:
        shown.append(f"and {len(paths) - SHOWN_PATHS} more")
    yield f"{title} " + ", ".join(shown)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
