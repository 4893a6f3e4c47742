"""Rows of the takedowns' tables <-> records."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from telecine_platform.takedowns.records import Claim, Claimant, Hold
from telecine_platform.takedowns.states import ClaimantState, ClaimState, HoldState


def claimant_from_row(row: sa.Row[Any]) -> Claimant:  # Any: a whole-table row
    return Claimant(
        tenant_id=row.tenant_id,
        name=row.name,
        contact=row.contact,
        state=ClaimantState(row.state),
        created_at=row.created_at,
    )


def claim_from_row(row: sa.Row[Any]) -> Claim:
    return Claim(
        id=row.id,
        tenant_id=row.tenant_id,
        title=row.title,
        entity_id=row.entity_id,
        names=tuple(row.names),
        state=ClaimState(row.state),
        filed_at=row.filed_at,
        decided_at=row.decided_at,
        reference=row.reference,
        reference_problem=row.reference_problem,
        searched_at=row.searched_at,
        is_search_complete=row.is_search_complete,
        max_clips=row.max_clips,
    )


def hold_from_row(row: sa.Row[Any]) -> Hold:
    return Hold(**row._asdict() | {"state": HoldState(row.state)})
