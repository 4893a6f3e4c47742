"""Which entities are protected, and which grants hold: at one place, at one moment.

Pure. Invariant: what is not known counts as protected and as not granted: an unnamed region is
inside every jurisdiction and outside every grant's regions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from telecine_safeguards.registry.entities import Entity, EntityStatus, Grant


def is_protected(entity: Entity, *, region: str, today: date) -> bool:
    """Whether the entity counts in `region` on `today`. Both ends of the term belong to it."""
    if entity.status is EntityStatus.WITHDRAWN:
        return False
    if entity.jurisdictions and region and not _names_region(entity.jurisdictions, region):
        return False
    starts, ends = entity.term_starts_on, entity.term_ends_on
    return (starts is None or starts <= today) and (ends is None or today <= ends)


def holds(grant: Grant, *, tenant_id: str, use: str, region: str, now: datetime) -> bool:
    """Whether the grant covers this tenant's use. The moment at which it ends is outside it."""
    return (
        grant.tenant_id == tenant_id
        and use in grant.uses
        and (not grant.regions or (bool(region) and _names_region(grant.regions, region)))
        and grant.starts_at <= now
        and (grant.ends_at is None or now < grant.ends_at)
        and (grant.revoked_at is None or now < grant.revoked_at)
    )


def grant_in_force(
    grants: Iterable[Grant], *, tenant_id: str, use: str, region: str, now: datetime
) -> Grant | None:
    """The grant to use: of several that hold, the one whose id comes first.

    Contradicting grants do not subtract: a second grant that has ended takes nothing from one that
    holds. Who wants to end a use revokes the grant that allows it.
    """
    holding = (
        grant
        for grant in grants
        if holds(grant, tenant_id=tenant_id, use=use, region=region, now=now)
    )
    return min(holding, key=lambda grant: grant.id, default=None)


def _names_region(regions: Iterable[str], region: str) -> bool:
    return region.casefold() in (each.casefold() for each in regions)
