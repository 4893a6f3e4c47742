"""`telecine verify`: what a clip says of itself, and what we know of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from telecine_platform.access.callers import DEFAULT_TENANT, Caller, Scope
from telecine_platform.api.provenance import LookupView, view_from_lookup
from telecine_platform.clips.keys import trusted_roots
from telecine_platform.clips.lookup import LookedUp, ProvenanceLookup, manifest_of
from telecine_platform.errors import InvalidRequest
from telecine_serve.cli.client import ask_lookup
from telecine_serve.cli.reporting import database_of, reporting, settings_of, show

_OPERATOR = Caller(tenant_id=DEFAULT_TENANT, scopes=frozenset(Scope))
NOT_FOUND = 1


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--server", help="URL of a running Telecine that looks the clip up.")
@click.option("--api-key", envvar="TELECINE_API_KEY", help="Key for --server.")
@click.option("--look-up", is_flag=True, help="Look it up in the configured database.")
@reporting
@click.pass_context
def verify(
    context: click.Context, file: Path, server: str | None, api_key: str | None, look_up: bool
) -> None:
    """Check FILE's C2PA manifest; with --server or --look-up also its mark and fingerprint.

    Exit code 1: nothing proves where it comes from.
    """
    if not file.is_file():
        raise InvalidRequest(f"no file {file}")
    if server is not None:
        view = LookupView.model_validate(ask_lookup(server, api_key, file))
    elif look_up:
        with database_of(context) as database:
            found = ProvenanceLookup(settings_of(context), database).look_up(file)
        view = view_from_lookup(found, _OPERATOR)
    else:
        manifest = manifest_of(file, trusted_roots(settings_of(context)))
        view = view_from_lookup(
            LookedUp(found_by=None, clip=None, manifest=manifest, mark=None), _OPERATOR
        )
    show(context, view, "\n".join(_lines(file, view)))
    if not (view.is_found or (view.manifest is not None and view.manifest.is_valid)):
        context.exit(NOT_FOUND)


def _lines(file: Path, view: LookupView) -> list[str]:
    manifest: Any = view.manifest
    if manifest is None:
        lines = [f"{file.name}: no C2PA manifest"]
    elif manifest.is_valid:
        trust = "trusted here" if manifest.is_trusted else "whom this installation does not trust"
        lines = [f"{file.name}: a valid C2PA manifest by {manifest.signer!r}, {trust}"]
    else:
        problems = ", ".join(manifest.problems)
        lines = [f"{file.name}: THE MANIFEST DOES NOT HOLD: {problems}"]
    if view.is_found:
        job = f" as {view.video_id}" if view.video_id else ""
        lines.append(f"made here{job} by {view.model}, found by its {view.found_by}")
    if view.looks_alike is False:
        lines.append("BUT IT SHOWS SOMETHING ELSE: the mark was probably copied from that clip")
    if view.record is not None:
        licences = ", ".join(view.record.licences) or "none"
        lines.append(
            f"mark {view.record.mark}, registry {view.record.registry_version}, "
            f"licences: {licences}"
        )
    return lines
