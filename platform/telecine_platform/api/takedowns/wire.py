"""The takedown API's bodies <-> records."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from telecine_platform.api.shapes import Body, Page, optional_unix_s
from telecine_platform.takedowns.records import Claim, Claimant, Hold, NewClaim, Record
from telecine_platform.takedowns.rules import MAX_HASHES, MAX_NAMES
from telecine_platform.takedowns.states import ClaimantState, ClaimState, HoldState
from telecine_safeguards.registry.entities import EntityKind

_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""One line of text that is not blank."""
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=_LINE)]
Text = Annotated[str, Field(min_length=1, max_length=4_000, pattern=r"^[^\x00]*\S[^\x00]*$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ClaimantBody(Body):
    """Who claims."""

    name: Line = Field(description="The rights holder; owners of clips read it.")
    contact: Line = Field(description="Where the operator writes to; nobody else reads it.")


class ClaimBody(Body):
    """What is claimed. Names, hashes or a file: at least one of them."""

    title: Line = Field(description="The work, for people.")
    kind: EntityKind = EntityKind.WORK
    names: list[Line] = Field([], max_length=MAX_NAMES, description="What prompts may not name.")
    context_words: list[Line] = Field(
        [], max_length=MAX_NAMES,
        description="Where names are ordinary words: one of these has to stand in the prompt too.",
    )  # fmt: skip
    reference_hashes: list[Hash] = Field([], max_length=MAX_HASHES, description="PDQ.")
    has_reference: bool = Field(False, description="A file follows, by PUT …/reference.")
    is_in_good_faith: Literal[True] = Field(
        description="You declare that you hold the rights, and that the claim is true."
    )


class TextBody(Body):
    """An objection, or the answer to one. The other side reads it."""

    text: Text


class CounterBody(TextBody):
    """The owner's objection."""

    is_in_good_faith: Literal[True] = Field(
        description="You declare that the clip was taken down by mistake."
    )


class VerifyClaimBody(Body):
    """A confirmation, where a claim matches very many clips."""

    confirm_clips: Annotated[int, Field(ge=0, le=10_000_000, strict=True)] | None = None


class RecordView(BaseModel):
    """How a claimant's claims went since it was verified."""

    num_claims_last_day: int
    num_open_claims: int
    num_held: int
    num_countered: int
    num_upheld: int
    num_reinstated: int
    dispute_rate: float = Field(description="Of its takedowns, how many were objected to.")
    loss_rate: float = Field(description="Of its decided takedowns, how many were given back.")


class ClaimantView(BaseModel):
    """A claimant's account."""

    tenant_id: str
    object: Literal["takedown.claimant"] = "takedown.claimant"
    name: str
    contact: str
    state: ClaimantState
    created_at: int
    record: RecordView


class ClaimView(BaseModel):
    """A claim as it stands."""

    id: str
    object: Literal["takedown.claim"] = "takedown.claim"
    tenant_id: str
    title: str
    names: list[str]
    entity_id: str
    state: ClaimState
    filed_at: int
    decided_at: int | None
    has_reference: bool
    reference_problem: str | None = Field(description="Why the file could not be looked at.")
    searched_at: int | None
    is_search_complete: bool
    max_clips: int


class HoldView(BaseModel):
    """What a claim means for one clip."""

    claim_id: str
    object: Literal["takedown.hold"] = "takedown.hold"
    video_id: str
    state: HoldState
    by: str = Field(description="What matched: `fingerprint` or `prompt`.")
    found_at: int
    due_at: int | None = Field(description="When this state ends by itself.")
    counter_text: str | None
    answer_text: str | None
    decided_at: int | None


class ClaimantPage(Page):
    data: list[ClaimantView]


class ClaimPage(Page):
    data: list[ClaimView]


class HoldPage(Page):
    data: list[HoldView]


def claim_from_body(body: ClaimBody) -> NewClaim:
    return NewClaim(
        title=body.title.strip(),
        kind=body.kind,
        names=_stripped(body.names),
        context_words=_stripped(body.context_words),
        reference_hashes=tuple(dict.fromkeys(body.reference_hashes)),
        has_reference=body.has_reference,
    )


def view_from_claimant(claimant: Claimant, record: Record) -> ClaimantView:
    own = {name: getattr(record, name) for name in RecordView.model_fields}
    return ClaimantView(
        tenant_id=claimant.tenant_id,
        name=claimant.name,
        contact=claimant.contact,
        state=claimant.state,
        created_at=int(claimant.created_at.timestamp()),
        record=RecordView(**own),
    )


def view_from_claim(claim: Claim) -> ClaimView:
    return ClaimView(
        id=claim.id,
        tenant_id=claim.tenant_id,
        title=claim.title,
        names=list(claim.names),
        entity_id=claim.entity_id,
        state=claim.state,
        filed_at=int(claim.filed_at.timestamp()),
        decided_at=optional_unix_s(claim.decided_at),
        has_reference=claim.reference is not None,
        reference_problem=claim.reference_problem,
        searched_at=optional_unix_s(claim.searched_at),
        is_search_complete=claim.is_search_complete,
        max_clips=claim.max_clips,
    )


def view_from_hold(hold: Hold) -> HoldView:
    return HoldView(
        claim_id=hold.claim_id,
        video_id=hold.job_id,
        state=hold.state,
        by=hold.by,
        found_at=int(hold.found_at.timestamp()),
        due_at=optional_unix_s(hold.due_at),
        counter_text=hold.counter_text,
        answer_text=hold.answer_text,
        decided_at=optional_unix_s(hold.decided_at),
    )


def _stripped(texts: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts))
