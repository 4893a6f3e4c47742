"""The pages: what each side sees and can do."""

from __future__ import annotations

from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.context import ApiContext
from telecine_platform.api.takedowns.pages.html import (
    choice,
    code,
    declaration,
    document,
    file_field,
    line,
    link,
    paragraph,
    post,
    section,
    state,
    table,
    text_area,
    time_piece,
)
from telecine_platform.errors import NotFound
from telecine_platform.takedowns.records import Claim, Hold
from telecine_platform.takedowns.states import LEGAL_CLAIM, ClaimantState, ClaimState, HoldState
from telecine_safeguards.registry.entities import EntityKind

PAGE = 100
"""Rows of each table; the API pages through more."""


def sign_in_page(problem: str = "") -> str:
    form = post("session", line("key", "API key", kind="password"), "Sign in")
    return document(
        "Takedowns",
        _problem(problem)
        + section(
            "Sign in",
            paragraph("With the key that you use for the API. It stays in this browser's session."),
            form,
        ),
        is_signed_in=False,
    )


def overview(context: ApiContext, caller: Caller, problem: str = "", done: str = "") -> str:
    """Everything that the caller can do."""
    pieces = [_problem(problem), paragraph(done, "done") if done else ""]
    if _may(caller, Scope.ADMIN):
        pieces += [_claimants(context), _all_claims(context)]
    if _may(caller, Scope.READ):
        pieces.append(_own_clips(context, caller))
    if _may(caller, Scope.RIGHTS):
        pieces.append(_own_claims(context, caller))
    return document("Takedowns", "".join(pieces), is_signed_in=_has_session(context))


def claim_page(context: ApiContext, caller: Caller, claim_id: str, problem: str = "") -> str:
    """One claim, for its claimant and for administrators. Raises `NotFound`."""
    is_admin = _may(caller, Scope.ADMIN)
    claim = context.claims.get(claim_id, None if is_admin else caller.tenant_id)
    found, has_more = context.holds.of_claim(claim.id, limit=PAGE)
    facts = [
        ("state", state(claim.state)),
        ("filed", time_piece(claim.filed_at)),
        ("names", code(", ".join(claim.names) or "none")),
        ("media", _media(claim)),
        ("search", "complete" if claim.is_search_complete else "under way"),
    ]
    rows = [(code(hold.job_id), hold.by, *_stand(hold), _words(hold), _steps(hold, claim, caller))
            for hold in found]  # fmt: skip
    heads = ("video", "found by", "state", "until", "what was said", "next")
    caption = f"The first {PAGE}" if has_more else f"{len(rows)} clips"
    body = (
        _problem(problem)
        + section("Claim", table(claim.id, ("fact", "value"), facts), *_endings(claim, caller))
        + section("Clips that match", table(caption, heads, rows))
    )
    return document(claim.title, body, is_signed_in=_has_session(context))


def _own_clips(context: ApiContext, caller: Caller) -> str:
    found, _ = context.holds.of_owner(caller.tenant_id, limit=PAGE)
    rows = [(code(hold.job_id), code(hold.claim_id), *_stand(hold), _words(hold), _counter(hold))
            for hold in found]  # fmt: skip
    heads = ("video", "claim", "state", "until", "what was said", "next")
    if not rows:
        return section("Your videos", paragraph("None of your videos was taken down."))
    return section("Your videos", table("Videos that a claim has taken down", heads, rows))


def _own_claims(context: ApiContext, caller: Caller) -> str:
    try:
        claimant = context.claimants.get(caller.tenant_id)
    except NotFound:
        claimant = None
    account = post(
        "claimant",
        line("name", "Rights holder", value="" if claimant is None else claimant.name)
        + line("contact", "Contact", "Only the operator reads it.",
               value="" if claimant is None else claimant.contact),
        "Save",
    )  # fmt: skip
    pieces = [paragraph("Say who you are; the operator verifies it, after a change again.")]
    if claimant is not None:
        record = context.claimants.record(caller.tenant_id, context.now())
        pieces = [
            f"<p>Your account is {state(claimant.state)}.</p>",
            paragraph(
                f"{record.num_held} clips taken down, {record.dispute_rate:.0%} objected to; "
                f"of those decided {record.loss_rate:.0%} given back.", "quiet",
            ),
        ]  # fmt: skip
    found, _ = context.claims.list_claims(caller.tenant_id, limit=PAGE)
    pieces += [account]
    if claimant is not None and claimant.state is ClaimantState.VERIFIED:
        pieces.append(_new_claim())
    if found:
        pieces.append(_claims_table("Your claims", found))
    return section("Your rights", *pieces)


def _new_claim() -> str:
    fields = (
        line("title", "Title of the work")
        + choice("kind", "What it is", [kind.value for kind in EntityKind])
        + line("names", "Names", "Optional: what prompts may not name, separated by commas.")
        + line("context_words", "Context words",
               "Optional: where a name is an ordinary word, one of these has to stand beside it.")
        + file_field("reference", "Picture or video of the work", "Optional, if there are names.")
        + declaration("I hold the rights, and this claim is true.", "faith-claim")
    )  # fmt: skip
    return "<h3>File a claim</h3>" + post("claims", fields, "File the claim", has_file=True)


def _claimants(context: ApiContext) -> str:
    found, _ = context.claimants.list_claimants(limit=PAGE)
    rows = []
    for each in found:
        record = context.claimants.record(each.tenant_id, context.now())
        steps = post(f"claimants/{each.tenant_id}/verify", "", "Verify")
        if each.state is not ClaimantState.SUSPENDED:
            steps += post(f"claimants/{each.tenant_id}/suspend", "", "Suspend")
        rows.append(
            (code(each.tenant_id), code(each.name), code(each.contact), state(each.state),
             f"{record.dispute_rate:.0%} / {record.loss_rate:.0%}", steps)
        )  # fmt: skip
    heads = ("tenant", "name", "contact", "state", "objected / lost", "decide")
    return section("Claimants", table(f"{len(rows)} accounts", heads, rows))


def _all_claims(context: ApiContext) -> str:
    filed, _ = context.claims.list_claims(None, state=ClaimState.FILED, limit=PAGE)
    verified, _ = context.claims.list_claims(None, state=ClaimState.VERIFIED, limit=PAGE)
    return section("Claims", _claims_table("To decide", filed), _claims_table("Verified", verified))


def _claims_table(caption: str, found: list[Claim]) -> str:
    rows = [
        (link(f"claims/{claim.id}", claim.title), state(claim.state), time_piece(claim.filed_at))
        for claim in found
    ]
    return table(caption, ("claim", "state", "filed"), rows)


def _endings(claim: Claim, caller: Caller) -> list[str]:
    path, forms = f"claims/{claim.id}", []
    possible = LEGAL_CLAIM[claim.state]
    if _may(caller, Scope.ADMIN) and ClaimState.VERIFIED in possible:
        confirm = line(
            "confirm_clips", "Number of clips", "Optional, for a claim that matches many."
        )
        forms.append(post(f"{path}/verify", confirm, "Verify: block, and take down"))
    if _may(caller, Scope.ADMIN) and ClaimState.REJECTED in possible:
        forms.append(post(f"{path}/reject", "", "Reject"))
    if claim.tenant_id == caller.tenant_id and ClaimState.RETRACTED in possible:
        forms.append(post(f"{path}/retract", "", "Retract"))
    return forms


def _steps(hold: Hold, claim: Claim, caller: Caller) -> str:
    path = f"claims/{hold.claim_id}/clips/{hold.job_id}"
    forms = ""
    if hold.state is HoldState.COUNTERED and claim.tenant_id == caller.tenant_id:
        answer = text_area("text", "Your answer", f"answer-{hold.job_id}")
        forms += post(f"{path}/contest", answer, "Answer")
    if _may(caller, Scope.ADMIN):
        match hold.state:
            case HoldState.FOUND:
                forms += post(f"{path}/drop", "", "No match")
            case HoldState.CONTESTED | HoldState.WITHDRAWN:
                forms += post(f"{path}/uphold", "", "Uphold")
                forms += post(f"{path}/reinstate", "", "Reinstate")
            case HoldState.COUNTERED:
                forms += post(f"{path}/reinstate", "", "Reinstate")
            case _:
                pass
    return forms


def _counter(hold: Hold) -> str:
    if hold.state is not HoldState.WITHDRAWN:
        return ""
    mark = f"{hold.claim_id}-{hold.job_id}"
    fields = text_area("text", "Your objection", f"text-{mark}") + declaration(
        "It was taken down by mistake.", f"faith-{mark}"
    )
    return post(f"withdrawals/{hold.claim_id}/{hold.job_id}/counter", fields, "Object")


def _stand(hold: Hold) -> tuple[str, str]:
    return state(hold.state), time_piece(hold.due_at)


def _words(hold: Hold) -> str:
    said = (("Owner", hold.counter_text), ("Claimant", hold.answer_text))
    return "".join(paragraph(f"{who}: {text}") for who, text in said if text)


def _media(claim: Claim) -> str:
    if claim.reference_problem is not None:
        return paragraph(claim.reference_problem)
    return "none" if claim.reference is None else "received"


def _problem(text: str) -> str:
    return paragraph(text, "alert") if text else ""


def _may(caller: Caller, scope: Scope) -> bool:
    return caller.is_admin or scope in caller.scopes


def _has_session(context: ApiContext) -> bool:
    return context.authenticator.keys is not None or context.authenticator.token_rules is not None
