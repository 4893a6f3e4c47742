"""Who may file, how far a claim reaches on its own, and until when somebody may answer. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from telecine_platform.errors import Forbidden, InvalidRequest, TooManyRequests
from telecine_platform.settings import Settings
from telecine_platform.takedowns.records import Claimant, NewClaim, Record
from telecine_platform.takedowns.states import ClaimantState, HoldState

MAX_CLAIMS_A_DAY = 20
MAX_OPEN_CLAIMS = 200
MIN_DECIDED = 10
"""Before so many of its takedowns are decided, a claimant's losses say little."""
MAX_LOSS_RATE = 0.5
"""YouTube's disputes are decided for the uploader in 60 % (facts: TorrentFreak, H1 2021)."""
BROAD_CLIPS = 100
"""A claim that matches more clips takes down no more of them until an administrator confirms."""
MIN_NAME_CHARS = 3
"""Shorter names match by chance."""
MAX_NAMES = 50
MAX_HASHES = 500


class ClaimantLimited(Forbidden):
    """Its claims were wrong too often, or it is not verified."""

    code = "claimant_limited"


def check_may_file(claimant: Claimant | None, record: Record) -> None:
    """Raise `ClaimantLimited` or `TooManyRequests` unless the claimant may file one more claim."""
    if claimant is None or claimant.state is ClaimantState.PENDING:
        raise ClaimantLimited(
            "only a verified rights holder files claims: say who you are (PUT "
            "/v1/takedowns/claimant), and wait until the operator has verified it"
        )
    if claimant.state is ClaimantState.SUSPENDED:
        raise ClaimantLimited("the operator has suspended your claims; write to them")
    decided = record.num_upheld + record.num_reinstated
    if decided >= MIN_DECIDED and record.loss_rate > MAX_LOSS_RATE:
        raise ClaimantLimited(
            f"{record.num_reinstated} of your {decided} decided takedowns were given back; "
            "the operator has to let you file again"
        )
    if record.num_claims_last_day >= MAX_CLAIMS_A_DAY:
        raise TooManyRequests(
            f"at most {MAX_CLAIMS_A_DAY} claims a day", code="claims_quota", retry_after_s=3_600
        )
    if record.num_open_claims >= MAX_OPEN_CLAIMS:
        raise TooManyRequests(
            f"at most {MAX_OPEN_CLAIMS} open claims: retract some",
            code="claims_quota",
            retry_after_s=3_600,
        )


def check_claim(claim: NewClaim) -> None:
    """Refuse a claim that names nothing that could be found, or too much. Raises
    `InvalidRequest`."""
    if not claim.names and not claim.reference_hashes and not claim.has_reference:
        raise InvalidRequest(
            "a claim needs names, reference hashes or a reference file", param="names"
        )
    for name in claim.names:
        if len("".join(name.split())) < MIN_NAME_CHARS:
            raise InvalidRequest(
                f"name {name!r} is too short: it would match by chance; give "
                f"{MIN_NAME_CHARS} characters or more",
                param="names",
                code="name_too_short",
            )


def due_at(state: HoldState, now: datetime, settings: Settings) -> datetime | None:
    """When a hold that takes this state leaves it by itself."""
    match state:
        case HoldState.WITHDRAWN:
            return now + timedelta(seconds=settings.takedown_counter_s)
        case HoldState.COUNTERED:
            return now + timedelta(seconds=settings.takedown_answer_s)
        case _:
            return None


def state_when_due(state: HoldState) -> HoldState:
    """What becomes of a hold whose time has passed."""
    return HoldState.REINSTATED if state is HoldState.COUNTERED else HoldState.UPHELD
