"""`telecine screen`: would these prompts pass? Needs no server, only the configured database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

import click

from telecine_platform.api.verdicts import view_from_verdict
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest
from telecine_platform.jobs.database import Database
from telecine_platform.rights.open import open_rights
from telecine_platform.settings import Settings, load_settings
from telecine_safeguards.verdict import Action, Verdict
from telecine_serve.apps.looks import new_judges
from telecine_serve.screening.build import build_screen


@click.command()
@click.argument("prompt", required=False)
@click.option("--file", "file", type=click.File("rb"), help="Prompts, one a line.")
@click.option("--negative-prompt", default="", help="Screened with each prompt.")
@click.option("--tenant", default="default", show_default=True, help="Whose licences count.")
@click.option("--region", help="Where the clip is shown; the configured one unless set.")
@click.option("--use", default="video", show_default=True, help="What for.")
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="YAML or TOML file.")
@click.option("--json", "as_json", is_flag=True, help="One verdict a line, as JSON.")
@click.pass_context
def screen(
    context: click.Context,
    prompt: str | None,
    file: BinaryIO | None,
    negative_prompt: str,
    tenant: str,
    region: str | None,
    use: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Screen PROMPT, or the lines of --file, or the lines of standard input.

    Exit code 0: every prompt is allowed as it is; 1: something else was decided about one.
    """
    settings = load_settings(config_file)
    if prompt is not None and file is not None:
        raise click.UsageError("give a prompt or --file, not both")
    prompts = iter((prompt,)) if prompt is not None else _lines(file, settings)
    num_other = 0
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(settings.resolved_database_url)))
        judges = new_judges(settings)
        for judge in judges:
            stack.callback(judge.close)
        screening = build_screen(settings, judges)(open_rights(settings, database).load())
        for text in prompts:
            verdict = screening.screen(
                prompt=text,
                negative_prompt=negative_prompt,
                tenant_id=tenant,
                region=settings.region if region is None else region,
                use=use,
                now=utc_now(),
            )
            num_other += verdict.action is not Action.ALLOW
            click.echo(_line(verdict, as_json=as_json))
    context.exit(1 if num_other else 0)


def _lines(file: BinaryIO | None, settings: Settings) -> Iterator[str]:
    """Every line that is not blank, whatever its length; what is not UTF-8 is refused by number."""
    stream = sys.stdin.buffer if file is None else file
    for number, line in enumerate(stream, start=1):
        try:
            text = line.decode("utf-8").strip("\r\n")
        except UnicodeDecodeError as error:
            raise InvalidRequest(f"line {number} is not UTF-8 text") from error
        if len(text) > settings.max_prompt_chars:
            raise InvalidRequest(
                f"line {number} has {len(text)} characters, at most {settings.max_prompt_chars} "
                "are allowed"
            )
        if text.strip():
            yield text


def _line(verdict: Verdict, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(view_from_verdict(verdict).model_dump(mode="json"), ensure_ascii=False)
    line = f"{verdict.action.value.upper()} [{verdict.reason_code}] {verdict.message}"
    if verdict.rewritten_prompt is not None:
        line += f"\n  prompt: {verdict.rewritten_prompt}"
    return line
