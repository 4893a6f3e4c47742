"""`telecine rights grant`, `revoke`, `grants` and `uses`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import click

from telecine_platform.api.rights.wire import (
    GrantBody,
    grant_from_body,
    view_from_grant,
    view_from_use,
)
from telecine_platform.api.shapes import body_from_fields
from telecine_platform.clock import utc_now
from telecine_platform.errors import InvalidRequest
from telecine_safeguards.registry.entities import Grant
from telecine_serve.cli.reporting import reporting, show
from telecine_serve.cli.rights import PAGE, by_operator, opened, rights


@rights.command("grant")
@click.argument("entity_id")
@click.argument("tenant_id")
@click.option("--id", "grant_id", help="A new one unless set.")
@click.option("--use", "uses", multiple=True, default=("video",), show_default=True)
@click.option("--region", "regions", multiple=True, help="May be repeated; everywhere unless set.")
@click.option("--starts-at", help="As 2026-12-01T00:00:00Z; now unless set.")
@click.option("--ends-at", help="Until revoked unless set.")
@click.option("--price", default="0", show_default=True, help="For each use.")
@click.option("--currency", default="USD", show_default=True)
@reporting
@click.pass_context
def grant(
    context: click.Context,
    entity_id: str,
    tenant_id: str,
    grant_id: str | None,
    uses: tuple[str, ...],
    regions: tuple[str, ...],
    starts_at: str | None,
    ends_at: str | None,
    price: str,
    currency: str,
) -> None:
    """Let TENANT_ID use ENTITY_ID."""
    fields: dict[str, object] = {
        "id": grant_id, "entity_id": entity_id, "tenant_id": tenant_id, "uses": list(uses),
        "regions": list(regions), "starts_at": starts_at, "ends_at": ends_at,
        "price": _decimal(price), "currency": currency,
    }  # fmt: skip
    change = by_operator()
    new = grant_from_body(body_from_fields(GrantBody, fields), change.at)
    with opened(context) as store:
        store.grant(new, change)
    _show(context, new)


@rights.command("revoke")
@click.argument("grant_id")
@reporting
@click.pass_context
def revoke(context: click.Context, grant_id: str) -> None:
    """End GRANT_ID now, for jobs that wait in a queue too."""
    with opened(context) as store:
        _show(context, store.revoke(grant_id, by_operator()))


@rights.command("grants")
@click.option("--entity", "entity_id", help="Only those for this entity.")
@reporting
@click.pass_context
def grants(context: click.Context, entity_id: str | None) -> None:
    """Every grant, in the order of ids."""
    with opened(context) as store:
        has_more, after = True, None
        while has_more:
            page, has_more = store.list_grants(entity_id=entity_id, limit=PAGE, after=after)
            for each in page:
                after = each.id
                _show(context, each)


@rights.command("uses")
@click.argument("grant_id", required=False)
@click.option("--entity", "entity_id", help="All uses of this entity, by whichever grant.")
@reporting
@click.pass_context
def uses(context: click.Context, grant_id: str | None, entity_id: str | None) -> None:
    """Every job that was let through because of GRANT_ID, or of any grant for an entity."""
    if (grant_id is None) == (entity_id is None):
        raise click.UsageError("give a grant or --entity, one of them")
    with opened(context) as store:
        has_more, after = True, None
        while has_more:
            if grant_id is not None:
                page, has_more = store.uses(grant_id, limit=PAGE, after=after)
            else:
                page, has_more = store.uses_of_entity(entity_id or "", limit=PAGE, after=after)
            for use in page:
                after = use.job_id
                line = f"{use.at.isoformat()}  {use.job_id}  {use.tenant_id}  {use.grant_id}"
                show(context, view_from_use(use), f"{line}  {use.price} {use.currency}")


def _show(context: click.Context, each: Grant) -> None:
    if each.revoked_at is not None and each.revoked_at <= utc_now():
        until = f"revoked at {each.revoked_at.isoformat()}"
    else:
        until = "until revoked" if each.ends_at is None else f"until {each.ends_at.isoformat()}"
    uses = ", ".join(each.uses)
    line = f"{each.id}  {each.entity_id}  {each.tenant_id}  {uses}  {until}"
    show(context, view_from_grant(each), line)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise InvalidRequest(f"price {text[:40]!r} is no decimal number", param="price") from error
