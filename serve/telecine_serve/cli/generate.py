"""`telecine generate`: one clip from one prompt, with a progress bar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from telecine_platform.settings import load_settings
from telecine_serve.cli.client import Clip, Report, make_clip
from telecine_serve.local.platform import local_platform


@click.command()
@click.argument("prompt")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The MP4 to write."
)
@click.option("--server", help="URL of a running Telecine; without it, one is started for this.")
@click.option("--api-key", envvar="TELECINE_API_KEY", help="Key for --server.")
@click.option("--seed", type=int, help="Same seed, same clip; random unless set.")
@click.option("--size", metavar="WxH", help="In pixels, as 64x64; the model's default unless set.")
@click.option("--seconds", type=int, help="Length; the model's default unless set.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML or TOML file.")
@click.option("--json", "as_json", is_flag=True, help="Report as JSON.")
def generate(
    prompt: str,
    output: Path,
    server: str | None,
    api_key: str | None,
    seed: int | None,
    size: str | None,
    seconds: int | None,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Make a clip from PROMPT and save it to a file."""
    body = {"prompt": prompt, "seed": seed, "size": size}
    body["seconds"] = None if seconds is None else str(seconds)
    body = {key: value for key, value in body.items() if value is not None}
    with _reporter() as report, _served(server, config_file, report) as url:
        clip = make_clip(url, api_key, body, output, report)
    _show(clip, as_json=as_json)


def _served(
    server: str | None, config_file: Path | None, report: Report
) -> AbstractContextManager[str]:
    """The URL of a running server, or of one that lives as long as this command."""
    if server is not None:
        return nullcontext(server)
    settings = load_settings(config_file, overrides={"host": "127.0.0.1", "port": 0})
    return local_platform(settings, report)


@contextmanager
def _reporter() -> Iterator[Report]:
    """A progress bar on a terminal; elsewhere a line for each new message."""
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("starting", total=100)
        last = ""

        def report(message: str, percent: int = 0) -> None:
            nonlocal last
            progress.update(task, description=message, completed=percent)
            if not console.is_terminal and message != last:
                console.print(message)
            last = message

        yield report


def _show(clip: Clip, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"id": clip.id, "path": str(clip.path), "seconds": clip.took_s}))
    else:
        click.echo(f"{clip.path} ({clip.size_bytes} bytes, {clip.took_s:.1f} s)")
