"""What the pages' forms do, each by the same calls as the API."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.bodies import UploadedFile
from telecine_platform.api.context import ApiContext
from telecine_platform.api.shapes import body_from_fields
from telecine_platform.api.takedowns.reference import keep_reference
from telecine_platform.api.takedowns.wire import (
    ClaimantBody,
    ClaimBody,
    CounterBody,
    TextBody,
    VerifyClaimBody,
    claim_from_body,
)
from telecine_platform.errors import InvalidRequest
from telecine_platform.takedowns.states import ClaimantState, ClaimState, HoldState

Do = Callable[[ApiContext, Caller, dict[str, object]], None]
_CLAIM_ID = r"(?P<claim>claim_[0-9a-f]{20})"
_VIDEO_ID = r"(?P<video>video_[0-9a-f]{32})"
_CLAIM = rf"claims/{_CLAIM_ID}"
_CLIP = rf"{_CLAIM}/clips/{_VIDEO_ID}"
_TENANT = r"claimants/(?P<tenant>[A-Za-z0-9][A-Za-z0-9._-]{0,63})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One kind of form."""

    pattern: re.Pattern[str]
    scope: Scope
    do: Do
    """Takes the form's fields, with what the path names among them."""
    shows_claim: bool = False
    """Whether one goes back to the claim's page."""


def file_claim(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
    """File a claim, with its media if there are some."""
    media = fields.pop("reference", "")
    has_media = isinstance(media, UploadedFile)
    values = fields | {
        "names": _listed(fields.get("names")),
        "context_words": _listed(fields.get("context_words")),
        "has_reference": has_media,
    }
    new = claim_from_body(body_from_fields(ClaimBody, _ticked(values)))
    if isinstance(media, UploadedFile) and not media.content:
        raise InvalidRequest("the file is empty", param="reference")
    claim = context.claims.file(caller.tenant_id, new, context.now())
    if isinstance(media, UploadedFile):
        keep_reference(context, claim.id, caller.tenant_id, media.content)


def _save_claimant(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
    body = body_from_fields(ClaimantBody, fields)
    context.claimants.apply(
        caller.tenant_id, body.name.strip(), body.contact.strip(), context.now()
    )


def _claimant(state: ClaimantState) -> Do:
    def do(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
        tenant_id = str(fields["tenant"])
        context.claimants.set_state(tenant_id, state, who=caller.tenant_id, now=context.now())

    return do


def _verify(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
    claim_id, confirm = str(fields.pop("claim")), str(fields.pop("confirm_clips", "")).strip()
    values = fields | ({"confirm_clips": _number(confirm)} if confirm else {})
    body = body_from_fields(VerifyClaimBody, values)
    context.claims.verify(
        claim_id, who=caller.tenant_id, confirm_clips=body.confirm_clips, now=context.now()
    )


def _end(state: ClaimState) -> Do:
    def do(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
        tenant_id = caller.tenant_id if state is ClaimState.RETRACTED else None
        context.claims.end(
            str(fields["claim"]), state, who=caller.tenant_id, tenant_id=tenant_id,
            now=context.now(),
        )  # fmt: skip

    return do


def _decide(state: HoldState) -> Do:
    def do(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
        claim_id, job_id = str(fields["claim"]), str(fields["video"])
        context.holds.decide(claim_id, job_id, state, who=caller.tenant_id, now=context.now())

    return do


def _contest(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
    claim_id, job_id = str(fields.pop("claim")), str(fields.pop("video"))
    text = body_from_fields(TextBody, fields).text
    context.holds.contest(claim_id, job_id, caller.tenant_id, text, context.now())


def _counter(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
    claim_id, job_id = str(fields.pop("claim")), str(fields.pop("video"))
    text = body_from_fields(CounterBody, _ticked(fields)).text
    context.holds.counter(claim_id, job_id, caller.tenant_id, text, context.now())


def _act(pattern: str, scope: Scope, do: Do, *, shows_claim: bool = False) -> Act:
    return Act(pattern=re.compile(pattern), scope=scope, do=do, shows_claim=shows_claim)


ACTS = (
    _act("claimant", Scope.RIGHTS, _save_claimant),
    _act(rf"{_TENANT}/verify", Scope.ADMIN, _claimant(ClaimantState.VERIFIED)),
    _act(rf"{_TENANT}/suspend", Scope.ADMIN, _claimant(ClaimantState.SUSPENDED)),
    _act(rf"{_CLAIM}/verify", Scope.ADMIN, _verify, shows_claim=True),
    _act(rf"{_CLAIM}/reject", Scope.ADMIN, _end(ClaimState.REJECTED), shows_claim=True),
    _act(rf"{_CLAIM}/retract", Scope.RIGHTS, _end(ClaimState.RETRACTED), shows_claim=True),
    _act(rf"{_CLIP}/contest", Scope.RIGHTS, _contest, shows_claim=True),
    _act(rf"{_CLIP}/uphold", Scope.ADMIN, _decide(HoldState.UPHELD), shows_claim=True),
    _act(rf"{_CLIP}/reinstate", Scope.ADMIN, _decide(HoldState.REINSTATED), shows_claim=True),
    _act(rf"{_CLIP}/drop", Scope.ADMIN, _decide(HoldState.DROPPED), shows_claim=True),
    _act(rf"withdrawals/{_CLAIM_ID}/{_VIDEO_ID}/counter", Scope.SUBMIT, _counter),
)


def _listed(value: object) -> list[str]:
    """Texts between commas."""
    return [text.strip() for text in str(value or "").split(",") if text.strip()]


def _ticked(fields: dict[str, object]) -> dict[str, object]:
    """A box that is ticked sends a word."""
    return fields | {"is_in_good_faith": fields.get("is_in_good_faith") == "true"}


def _number(text: str) -> int:
    if not re.fullmatch("[0-9]{1,8}", text):
        raise InvalidRequest(f"confirm_clips {text[:20]!r} is no number", param="confirm_clips")
    return int(text)
