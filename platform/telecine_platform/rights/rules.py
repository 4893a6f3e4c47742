"""What the registry refuses, as pure rules: ids, status changes, grants that contradict each other.

The shape of a row (kinds, dates, lengths) is checked before, by `telecine_safeguards`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from telecine_platform.errors import IllegalTransition, InvalidRequest
from telecine_safeguards.ledger.money import is_whole_minor, minor_digits
from telecine_safeguards.registry.entities import Entity, EntityStatus, Grant

LEGAL_STATUS: dict[EntityStatus, frozenset[EntityStatus]] = {
    EntityStatus.PROPOSED: frozenset(
        {EntityStatus.VERIFIED, EntityStatus.DISPUTED, EntityStatus.WITHDRAWN}
    ),
    # Verified again: that is how it gets another owner.
    EntityStatus.VERIFIED: frozenset(
        {EntityStatus.VERIFIED, EntityStatus.DISPUTED, EntityStatus.WITHDRAWN}
    ),
    EntityStatus.DISPUTED: frozenset({EntityStatus.VERIFIED, EntityStatus.WITHDRAWN}),
    EntityStatus.WITHDRAWN: frozenset({EntityStatus.PROPOSED}),
}

MAX_BODY_BYTES = 64 * 1024
"""Of one entity or grant: a thousand names fit."""
MAX_PRICE_CHARS = 40
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_GRANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_status(entity_id: str, old: EntityStatus, new: EntityStatus) -> None:
    """Raise `IllegalTransition` unless `old -> new` is in the table."""
    if new not in LEGAL_STATUS[old]:
        raise IllegalTransition(
            f"entity {entity_id} is {old} and cannot become {new}; "
            f"possible from here: {', '.join(sorted(LEGAL_STATUS[old]))}"
        )


def check_entity(entity: Entity, body: str) -> None:
    """Refuse an entity that the database or a URL could not carry."""
    _check_id(entity.id, _ID, "id")
    _check_body(entity.id, body)


def check_grant(grant: Grant, body: str, others: Iterable[Grant]) -> None:
    """Refuse a grant that says the same thing as another one at other terms, or twice.

    `others`: every grant for the same entity. Raises `InvalidRequest`.
    """
    _check_id(grant.id, _GRANT_ID, "id")
    _check_id(grant.tenant_id, _TENANT_ID, "tenant_id")
    _check_body(grant.id, body)
    if len(str(grant.price)) > MAX_PRICE_CHARS:
        raise InvalidRequest(
            f"price has more than {MAX_PRICE_CHARS} characters; round it", param="price"
        )
    if not is_whole_minor(grant.price, grant.currency):
        raise InvalidRequest(
            f"price {grant.price} is finer than {grant.currency} can be paid: give at most "
            f"{minor_digits(grant.currency)} decimal places",
            param="price",
            code="price_too_fine",
        )
    for other in others:
        if other.id != grant.id and do_overlap(grant, other):
            raise InvalidRequest(
                f"grant {grant.id} covers uses, regions and times that grant {other.id} covers for "
                f"tenant {grant.tenant_id} already: which price would count? Revoke {other.id} "
                "first, or narrow one of them",
                param="uses",
                code="contradictory_grant",
            )


def do_overlap(one: Grant, other: Grant) -> bool:
    """Whether some single use of one tenant would be covered by both."""
    return (
        one.tenant_id == other.tenant_id
        and one.entity_id == other.entity_id
        and one.revoked_at is None
        and other.revoked_at is None
        and not set(one.uses).isdisjoint(other.uses)
        and _regions_meet(one.regions, other.regions)
        and (other.ends_at is None or one.starts_at < other.ends_at)
        and (one.ends_at is None or other.starts_at < one.ends_at)
    )


def is_lapsed(grant: Grant, now: datetime) -> bool:
    """Whether a job that was let through with this grant has to stop."""
    return (grant.revoked_at is not None and grant.revoked_at <= now) or (
        grant.ends_at is not None and grant.ends_at <= now
    )


def _regions_meet(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """No region at all means everywhere."""
    folded = [{region.casefold() for region in regions} for regions in (one, other)]
    return not folded[0] or not folded[1] or not folded[0].isdisjoint(folded[1])


def _check_id(value: str, pattern: re.Pattern[str], param: str) -> None:
    if not pattern.fullmatch(value):
        raise InvalidRequest(
            f"{param} {value[:40]!r} is not possible: letters, digits and . _ : - without spaces, "
            "starting with a letter or digit, not too long",
            param=param,
            code="invalid_value",
        )


def _check_body(name: str, body: str) -> None:
    if len(body.encode("utf-8", errors="replace")) > MAX_BODY_BYTES:
        raise InvalidRequest(
            f"{name} is larger than {MAX_BODY_BYTES} bytes; give fewer or shorter texts",
            code="entry_too_large",
        )
    if "\\u0000" in body or "\0" in body or any("\ud800" <= each <= "\udfff" for each in body):
        raise InvalidRequest(
            f"{name} holds a NUL character or a lone surrogate; remove it", code="invalid_text"
        )
