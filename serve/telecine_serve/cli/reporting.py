"""What every command that reports takes: `--config` and `--json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec

import click
from pydantic import BaseModel

from telecine_platform.jobs.database import Database
from telecine_platform.jobs.store import JobStore
from telecine_platform.settings import Settings, load_settings

P = ParamSpec("P")


@dataclass
class _Options:
    """What every command takes; click fills it in before the command runs."""

    config_file: Path | None = None
    as_json: bool = False


def _keep_config(context: click.Context, _option: click.Parameter, value: Path | None) -> None:
    context.ensure_object(_Options).config_file = value


def _keep_json(context: click.Context, _option: click.Parameter, value: bool) -> None:
    context.ensure_object(_Options).as_json = value


def reporting(command: Callable[P, None]) -> Callable[P, None]:
    """Give a command `--config` and `--json`."""
    command = click.option(
        "--config", type=click.Path(path_type=Path), help="YAML or TOML file.",
        expose_value=False, callback=_keep_config,
    )(command)  # fmt: skip
    return click.option(
        "--json", is_flag=True, help="Report as JSON, one record a line.",
        expose_value=False, callback=_keep_json,
    )(command)  # fmt: skip


def settings_of(context: click.Context) -> Settings:
    return load_settings(context.ensure_object(_Options).config_file)


@contextmanager
def database_of(context: click.Context) -> Iterator[Database]:
    """The database of the settings, its tables up to date."""
    with closing(JobStore(settings_of(context).resolved_database_url)) as jobs:
        jobs.create_tables()
        yield jobs.database


def show(context: click.Context, view: BaseModel | Mapping[str, object], line: str) -> None:
    """One record: as JSON, or as a line for people."""
    if not context.ensure_object(_Options).as_json:
        click.echo(line)
    elif isinstance(view, BaseModel):
        click.echo(view.model_dump_json())
    else:
        click.echo(json.dumps(view))
