"""`telecine rights statement`: what a rights holder's grants earned in a month."""

from __future__ import annotations

import re

import click

from telecine_platform.api.rights.statements import view_from_statement
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest
from telecine_platform.ledger.store import Ledger
from telecine_platform.rights.statements import PERIOD_PATTERN, csv_from_statement, statement_of
from telecine_safeguards.ledger.money import price_from_minor
from telecine_serve.cli.reporting import database_of, reporting, show
from telecine_serve.cli.rights import rights


@rights.command("statement")
@click.argument("holder")
@click.option("--period", required=True, help="A month, as 2026-11.")
@click.option("--csv", "as_csv", is_flag=True, help="One row for each line, with a header.")
@reporting
@click.pass_context
def statement(context: click.Context, holder: str, period: str, as_csv: bool) -> None:
    """What the tenant HOLDER gets for a month, summed over the ledger."""
    if not re.fullmatch(PERIOD_PATTERN, period):
        raise InvalidRequest(f"period {period[:20]!r} is no month; write it as 2026-11")
    with database_of(context) as database:
        found = statement_of(Ledger(database), holder, period, utc_now())
    if as_csv:
        click.echo(csv_from_statement(found), nl=False)
        return
    lines = [
        f"{line.grant_id}  {line.entity_id}  {line.tenant_id}  {line.num_uses} x "
        f"{price_from_minor(line.price_minor, line.currency)} {line.currency}, "
        f"{line.parts}/{line.all_parts}: {price_from_minor(line.amount_minor, line.currency)}"
        for line in found.lines
    ]
    lines += [
        f"total {price_from_minor(amount, currency)} {currency}"
        for currency, amount in found.totals_minor.items()
    ]
    end = "final" if found.is_final else "so far"
    show(context, view_from_statement(found), "\n".join([*lines, f"{holder}, {period}, {end}"]))
