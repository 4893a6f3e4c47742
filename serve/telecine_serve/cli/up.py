"""`telecine up`: everything on this machine until somebody stops it."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import click

from telecine_platform.scheduling.pools import pools_from_settings
from telecine_platform.settings import load_settings
from telecine_serve.local.platform import local_platform


@click.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML or TOML file.")
@click.option("--host", help="Where to listen; 127.0.0.1 unless set.")
@click.option("--port", type=int, help="8000 unless set; 0 takes a free one.")
def up(config_file: Path | None, host: str | None, port: int | None) -> None:
    """Run the API and all three stages here until Ctrl-C or SIGTERM, then drain.

    Prints the URL once a prompt can be served. A second Ctrl-C ends without draining.
    """
    settings = load_settings(config_file, overrides={"host": host, "port": port})
    stopping = threading.Event()
    started_at = time.monotonic()

    def report(message: str) -> None:
        click.echo(f"[{time.monotonic() - started_at:5.1f} s] {message}", err=True)

    _stop_on_signal(stopping)
    with local_platform(settings, report) as url:
        _stop_on_signal(stopping)  # again: Ray has put its own handlers over ours meanwhile
        took_s = time.monotonic() - started_at
        models = ", ".join(pools_from_settings(settings))
        click.echo(f"telecine is ready at {url} ({models}; {took_s:.1f} s)")
        if settings.api_keys_file is None:
            click.echo("No API keys are set: whoever reaches this address can use it.", err=True)
        stopping.wait()
    report("stopped")


def _stop_on_signal(stopping: threading.Event) -> None:
    """First signal: drain. Second: the default, which ends the process at once."""

    def on_signal(number: int, _frame: object) -> None:
        stopping.set()
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
