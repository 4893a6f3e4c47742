"""Claimants, claims and their holds as records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telecine_platform.takedowns.states import ClaimantState, ClaimState, HoldState
from telecine_safeguards.registry.entities import EntityKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """A tenant that asks to file claims. Whom to write to is personal: it is in no event or log."""

    tenant_id: str
    name: str
    contact: str
    state: ClaimantState
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How a claimant's claims went."""

    num_claims_last_day: int = 0
    num_open_claims: int = 0
    num_held: int = 0
    """Clips that were taken down for it, ever."""
    num_countered: int = 0
    """Of these, how many owners objected to."""
    num_upheld: int = 0
    num_reinstated: int = 0
    """Clips that were given back."""

    @property
    def dispute_rate(self) -> float:
        """Which part of its takedowns was objected to."""
        return self.num_countered / self.num_held if self.num_held else 0.0

    @property
    def loss_rate(self) -> float:
        """Which part of its decided takedowns was given back."""
        decided = self.num_upheld + self.num_reinstated
        return self.num_reinstated / decided if decided else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClaim:
    """What a claimant claims, checked."""

    title: str
    kind: EntityKind
    names: tuple[str, ...] = ()
    """What prompts are searched for; none: only media count."""
    context_words: tuple[str, ...] = ()
    """Where names are ordinary words: one of these has to stand in the prompt too."""
    reference_hashes: tuple[str, ...] = ()
    """PDQ hashes of the claimant's media, 64 hexadecimal digits each."""
    has_reference: bool = False
    """Whether a file of reference media follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A takedown claim as it stands."""

    id: str
    tenant_id: str
    title: str
    entity_id: str
    names: tuple[str, ...]
    state: ClaimState
    filed_at: datetime
    decided_at: datetime | None
    reference: str | None
    """Key of the reference media; None: there are none, or they have been forgotten."""
    reference_problem: str | None
    """Why the file could not be looked at."""
    searched_at: datetime | None
    """Until when released clips have been searched; None: not yet."""
    is_search_complete: bool
    """Whether every job that the new entity could not stop has been looked at."""
    max_clips: int
    """How many clips it may take down without an administrator's further word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A claim's hold on one clip."""

    claim_id: str
    job_id: str
    tenant_id: str
    """The clip's owner."""
    state: HoldState
    by: str
    """What matched: `fingerprint` or `prompt`."""
    found_at: datetime
    due_at: datetime | None
    """When the present state ends by itself; None: it does not."""
    counter_text: str | None
    """The owner's objection."""
    answer_text: str | None
    """The claimant's answer to it."""
    decided_at: datetime | None
