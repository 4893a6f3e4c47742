"""The line that shows how a run goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from loadtests.drive import Event


@contextmanager
def progress_line(num_jobs: int) -> Iterator[Callable[[Event], None]]:
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
