"""What the rights store gives back: an entity with its owner, a grant, a use, a version."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from telecine_safeguards.registry.entities import Entity


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEntity:
    """An entity as the store has it."""

    entity: Entity
    owner_tenant_id: str | None
    """Who may grant and revoke; None: only an administrator."""
    version: int
    """The registry version that changed it last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One job that was let through because of one grant."""

    job_id: str
    grant_id: str
    entity_id: str
    tenant_id: str
    at: datetime
    price: Decimal
    currency: str
    job_state: str | None
    """Where the job stands now; None when the store no longer has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes the registry, and when: stands on the version that the change makes."""

    who: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryVersion:
    """One line of the registry's history."""

    number: int
    digest: str
    at: datetime
    who: str
    what: str

    @property
    def name(self) -> str:
        """As verdicts carry it: `17+1f0a9c3b77de`."""
        return f"{self.number}+{self.digest[:12]}"
