"""The rights API's bodies <-> records.

Invariant: a face embedding comes in and never goes out, but in an administrator's export.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from telecine_platform.access.callers import TENANT_PATTERN
from telecine_platform.api.shapes import Body, Page, body_from_fields
from telecine_platform.errors import InvalidRequest
from telecine_platform.rights.records import RegisteredEntity, Use
from telecine_safeguards.registry.entities import Entity, EntityKind, EntityStatus, Grant
from telecine_safeguards.registry.rows import EntityRow, GrantRow, entity_from_row, grant_from_row

TenantName = Annotated[str, Field(pattern=TENANT_PATTERN)]


class VerifyBody(Body):
    """Who shall grant and revoke from now on."""

    owner_tenant_id: TenantName | None = Field(None, description="Default: as it is.")


class GrantBody(Body):
    """A licence, or a person's consent."""

    id: str | None = Field(None, description="Default: a new one.")
    entity_id: str
    tenant_id: TenantName = Field(description="Who may use it.")
    uses: list[str] = Field(["video"], description="What for.")
    regions: list[str] = Field([], description="Empty: everywhere.")
    starts_at: AwareDatetime | None = Field(None, description="Default: now.")
    ends_at: AwareDatetime | None = Field(None, description="Default: until revoked.")
    price: Decimal = Field(Decimal(0), description="For each use.")
    currency: str = "USD"


class EntityView(BaseModel):
    """A protected entity."""

    id: str
    object: Literal["rights.entity"] = "rights.entity"
    kind: EntityKind
    name: str
    rights_holder: str
    status: EntityStatus
    owner_tenant_id: str | None
    aliases: list[str]
    ambiguous: bool
    clear_names: list[str]
    context_words: list[str]
    cards: list[str]
    decoys: list[str]
    attributes: list[str]
    generic: str
    jurisdictions: list[str]
    term_starts_on: date | None
    term_ends_on: date | None
    reference_hashes: list[str]
    has_face_embedding: bool
    registry_number: int = Field(description="The registry version that changed it last.")


class GrantView(BaseModel):
    """A grant as it stands."""

    id: str
    object: Literal["rights.grant"] = "rights.grant"
    entity_id: str
    tenant_id: str
    uses: list[str]
    regions: list[str]
    starts_at: datetime
    ends_at: datetime | None
    revoked_at: datetime | None
    price: str
    currency: str


class UseView(BaseModel):
    """One job that was let through because of the grant. Its prompt is the tenant's own."""

    job_id: str
    object: Literal["rights.use"] = "rights.use"
    grant_id: str
    entity_id: str
    tenant_id: str
    at: datetime
    price: str
    currency: str
    job_state: str | None


class EntityPage(Page):
    data: list[EntityView]


class GrantPage(Page):
    data: list[GrantView]


class UsePage(Page):
    data: list[UseView]


def proposal_from_fields(fields: dict[str, object]) -> tuple[Entity, str | None]:
    """An entity and, if given, the tenant that it shall belong to."""
    if "status" in fields:
        raise InvalidRequest(
            "a proposal has no status: it is proposed until somebody verifies it",
            param="status",
            code="unknown_parameter",
        )
    owner = {key: value for key, value in fields.items() if key == "owner_tenant_id"}
    rest = {key: value for key, value in fields.items() if key != "owner_tenant_id"}
    entity = entity_from_row(body_from_fields(EntityRow, rest))
    return entity, body_from_fields(VerifyBody, owner).owner_tenant_id


def grant_from_body(body: GrantBody, now: datetime) -> Grant:
    """Fill in the defaults."""
    values: dict[str, Any] = dict(body)  # Any: the fields' own types
    values["id"] = body.id or f"grant_{secrets.token_hex(12)}"
    values["starts_at"] = body.starts_at or now
    return grant_from_row(body_from_fields(GrantRow, values))


def view_from_entity(registered: RegisteredEntity) -> EntityView:
    entity = registered.entity
    own = {name: getattr(entity, name) for name in EntityView.model_fields if hasattr(entity, name)}
    return EntityView(
        **own,
        owner_tenant_id=registered.owner_tenant_id,
        has_face_embedding=bool(entity.face_embedding),
        registry_number=registered.version,
    )


def view_from_grant(grant: Grant) -> GrantView:
    own = {name: getattr(grant, name) for name in GrantView.model_fields if hasattr(grant, name)}
    return GrantView(**own | {"price": str(grant.price)})


def view_from_use(use: Use) -> UseView:
    own = {name: getattr(use, name) for name in UseView.model_fields if hasattr(use, name)}
    return UseView(**own | {"price": str(use.price)})
