"""The legal state changes of a claim, of its hold on one clip, and of a claimant, in three tables.

Everything that is not here is refused. docs/takedown.md draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from telecine_platform.errors import IllegalTransition


class ClaimantState(StrEnum):
    """How far we know who claims."""

    PENDING = "pending"
    VERIFIED = "verified"
    SUSPENDED = "suspended"


class ClaimState(StrEnum):
    """How far a claim has come."""

    FILED = "filed"
    """Its entity is proposed: new matches go to a person; clips that match are listed."""
    VERIFIED = "verified"
    """Its entity is verified: new matches are blocked; clips that match are withdrawn."""
    REJECTED = "rejected"
    """By an administrator."""
    RETRACTED = "retracted"
    """By the claimant."""


class HoldState(StrEnum):
    """What a claim means for one released clip."""

    FOUND = "found"
    """It matches; it stays up until the claim is verified."""
    WITHDRAWN = "withdrawn"
    """It is down; its owner may object."""
    COUNTERED = "countered"
    """Its owner objects: unless the claimant answers in time, it comes back."""
    CONTESTED = "contested"
    """The claimant has answered: an administrator decides."""
    UPHELD = "upheld"
    """It stays down: decided so, or nobody objected in time."""
    REINSTATED = "reinstated"
    """It is up again."""
    DROPPED = "dropped"
    """It was never taken down: the claim ended before, or the clip did."""


LEGAL_CLAIMANT: Mapping[ClaimantState, frozenset[ClaimantState]] = {
    ClaimantState.PENDING: frozenset({ClaimantState.VERIFIED, ClaimantState.SUSPENDED}),
    # Pending again: it says that it is somebody else now. Verified again: its record is cleared.
    ClaimantState.VERIFIED: frozenset(
        {ClaimantState.PENDING, ClaimantState.VERIFIED, ClaimantState.SUSPENDED}
    ),
    ClaimantState.SUSPENDED: frozenset({ClaimantState.VERIFIED}),
}
LEGAL_CLAIM: Mapping[ClaimState, frozenset[ClaimState]] = {
    ClaimState.FILED: frozenset({ClaimState.VERIFIED, ClaimState.REJECTED, ClaimState.RETRACTED}),
    ClaimState.VERIFIED: frozenset({ClaimState.REJECTED, ClaimState.RETRACTED}),
    ClaimState.REJECTED: frozenset(),
    ClaimState.RETRACTED: frozenset(),
}
LEGAL_HOLD: Mapping[HoldState, frozenset[HoldState]] = {
    HoldState.FOUND: frozenset({HoldState.WITHDRAWN, HoldState.DROPPED}),
    HoldState.WITHDRAWN: frozenset({HoldState.COUNTERED, HoldState.UPHELD, HoldState.REINSTATED}),
    HoldState.COUNTERED: frozenset({HoldState.CONTESTED, HoldState.REINSTATED}),
    HoldState.CONTESTED: frozenset({HoldState.UPHELD, HoldState.REINSTATED}),
    HoldState.UPHELD: frozenset(),
    HoldState.REINSTATED: frozenset(),
    HoldState.DROPPED: frozenset(),
}
HOLDING = frozenset(
    {HoldState.WITHDRAWN, HoldState.COUNTERED, HoldState.CONTESTED, HoldState.UPHELD}
)
"""While one claim's hold is in one of these, the clip is down."""
OPEN_CLAIMS = frozenset({ClaimState.FILED, ClaimState.VERIFIED})

S = TypeVar("S", ClaimantState, ClaimState, HoldState)


def check_change(what: str, legal: Mapping[S, frozenset[S]], old: S, new: S) -> None:
    """Raise `IllegalTransition` unless `old -> new` is in the table."""
    if new not in legal[old]:
        possible = ", ".join(sorted(legal[old])) or "nothing, it is final"
        raise IllegalTransition(f"{what} is {old} and cannot become {new}; possible: {possible}")
