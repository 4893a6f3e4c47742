"""What is written down for good, and in which words.

Invariant: an event names things by their ids and texts by their digests. Prompts, notes and what a
check matched stay where they can be deleted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from telecine_safeguards.ledger.money import minor_from_price
from telecine_safeguards.registry.entities import Grant
from telecine_safeguards.verdict import Verdict


class EventKind(StrEnum):
    """What an event tells; its subject is in brackets."""

    DECISION = "decision"
    """A checkpoint's verdict (job)."""
    REVIEW = "review"
    """A person's decision on a held job, or nobody's in time (job)."""
    RELEASE = "release"
    """A clip was released (job)."""
    LICENCE_USE = "licence-use"
    """A job was let through because of a grant, at its price of that moment (job)."""
    GRANT = "grant"
    """A licence or consent was given or replaced (grant)."""
    REVOCATION = "revocation"
    """It ended before its time (grant)."""
    SHARES = "shares"
    """Who shares in an entity's revenue (entity)."""
    REGISTRY = "registry"
    """The registry took a new version (its number)."""
    HALT = "halt"
    """A model, tenant or region was stopped (halt)."""
    HALT_LIFTED = "halt-lifted"
    CLAIMANT = "claimant"
    """A claimant's account took another state (tenant)."""
    CLAIM = "claim"
    """A takedown claim took another state (claim)."""
    EVIDENCE_READ = "evidence-read"
    """A reviewer looked at what moderation had kept of a clip (job)."""
    CLIP_CLAIM = "clip-claim"
    """A claim's hold on one clip took another state (job)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact, before it has a place in the chain."""

    at: datetime
    kind: EventKind
    subject: str
    """The id of what it is about."""
    body: str
    """Canonical JSON (`canonical`) of an object."""


def canonical(value: object) -> str:
    """The one way to write a value: sorted keys, no spaces, no floats, UTF-8 left as it is.

    Raises ValueError for a float: how it is printed is nobody's promise. Close to RFC 8785.
    """
    _refuse_floats(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """SHA-256 of a JSON value that may hold floats: for texts and scores that must not be shown."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()


def utc_text(at: datetime) -> str:
    """A time as the ledger writes it: UTC with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def decision_body(verdict: Verdict) -> dict[str, object]:
    """What a verdict decided, and the digest of the whole of it as the job has it."""
    named = {finding.entity_id for finding in verdict.findings if finding.entity_id is not None}
    return {
        "checkpoint": verdict.checkpoint,
        "action": verdict.action,
        "rule": verdict.rule,
        "reason_code": verdict.reason_code,
        "registry_version": verdict.registry_version,
        "entity_ids": sorted(named),
        "grants_used": sorted(verdict.grants_used),
        "verdict_sha256": digest(asdict(verdict)),
    }


def grant_body(grant: Grant) -> dict[str, object]:
    """A grant's terms."""
    return {
        "entity_id": grant.entity_id,
        "tenant_id": grant.tenant_id,
        "uses": sorted(grant.uses),
        "regions": sorted(grant.regions),
        "starts_at": utc_text(grant.starts_at),
        "ends_at": None if grant.ends_at is None else utc_text(grant.ends_at),
        "revoked_at": None if grant.revoked_at is None else utc_text(grant.revoked_at),
        "price_minor": minor_from_price(grant.price, grant.currency),
        "currency": grant.currency,
    }


def use_body(grant: Grant, tenant_id: str, shares: Mapping[str, int]) -> dict[str, object]:
    """One use of a grant by a tenant; `shares` are the holders' parts at that moment."""
    return {
        "grant_id": grant.id,
        "entity_id": grant.entity_id,
        "tenant_id": tenant_id,
        "price_minor": minor_from_price(grant.price, grant.currency),
        "currency": grant.currency,
        "shares": dict(shares),
    }


def object_from_body(body: str) -> Mapping[str, Any]:  # Any: each kind has its own keys
    """The inverse of `canonical`, for an event's body."""
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("an event's body is a JSON object")
    return value


def _refuse_floats(value: object) -> None:
    match value:
        case float():
            raise ValueError("an event holds no floats: use integers in a small unit")
        case dict():
            for each in value.values():
                _refuse_floats(each)
        case list() | tuple():
            for each in value:
                _refuse_floats(each)
