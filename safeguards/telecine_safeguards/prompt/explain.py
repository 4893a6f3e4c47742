"""The words of a verdict: what was found, whose it is, and what the caller can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telecine_safeguards import policy
from telecine_safeguards.policy_rules import Decision
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

NOTHING_FOUND: Final = "Nothing protected was found."

_HARM_CURE: Final = "This service does not make it. Change the prompt."


def verdict_from_decisions(
    decisions: Sequence[Decision],
    deciding: Sequence[Decision],
    registry_version: str,
    *,
    action: Action | None = None,
    message: str | None = None,
    rewritten_prompt: str | None = None,
    added_negative_prompt: str | None = None,
) -> Verdict:
    """Write the verdict: the first of `deciding` speaks, all findings are kept."""
    speaks = deciding[0] if deciding else None
    grants = {each.grant_id for each in decisions if each.grant_id is not None}
    is_allowed = speaks is None or (speaks.action is Action.ALLOW and action is None)
    is_plain = speaks is None or (is_allowed and not grants)
    return Verdict(
        checkpoint=Checkpoint.PROMPT,
        action=action or (speaks.action if speaks else Action.ALLOW),
        rule="default-allow" if speaks is None or is_plain else speaks.rule,
        reason_code="allowed" if speaks is None or is_allowed else speaks.reason_code,
        message=message or (NOTHING_FOUND if speaks is None or is_allowed else message_of(speaks)),
        findings=tuple(each.seen.finding for each in decisions),
        registry_version=registry_version,
        rewritten_prompt=rewritten_prompt,
        added_negative_prompt=added_negative_prompt,
        grants_used=tuple(sorted(grants)),
    )


def message_of(decision: Decision) -> str:
    """Tell the caller about the decision that counts."""
    finding = decision.seen.finding
    if decision.rule == "check-failed":
        return (
            f"No rule of the policy knows what the check {finding.check!r} found, so nothing is"
            " made. Tell the operator."
        )
    if finding.check == policy.HARMS:
        return f"The prompt asks for {finding.entity_name}. {_HARM_CURE}"
    verb = "describes" if finding.check == policy.DESCRIPTIONS else "names"
    whose = f"{finding.entity_name} ({finding.entity_kind}, {finding.rights_holder})"
    found = f"The prompt {verb} {whose}"
    if decision.action is Action.LICENCE_REQUIRED:
        return f"{found}. The rights holder offers licences: get one, and ask again."
    if decision.action is Action.REVIEW:
        return f"{found}, whose protection is not settled. A person will decide; wait for it."
    cure = policy.CURE_BY_KIND.get(finding.entity_kind or "", "Change the prompt.")
    return f"{found}, which is protected. {cure}"


def rewrite_message(decisions: Sequence[Decision], generics: dict[str, str]) -> str:
    """Tell the caller what stands where now."""
    changes = [
        f"{finding.matched!r} ({finding.entity_name}, {finding.rights_holder})"
        f" became {generics[finding.entity_id or '']!r}"
        for finding in (each.seen.finding for each in decisions)
    ]
    return (
        "The prompt was changed, because it uses what is protected: "
        + "; ".join(dict.fromkeys(changes))
        + ". Change the prompt yourself if you want something else."
    )
