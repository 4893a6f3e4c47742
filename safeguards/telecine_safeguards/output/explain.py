"""The words of a clip's verdict: what was seen, whose it is, and what the caller can do."""

from __future__ import annotations

from collections.abc import Sequence

from telecine_safeguards import policy
from telecine_safeguards.policy_rules import Decision
from telecine_safeguards.verdict import Action, Checkpoint, Verdict


def output_verdict(decisions: Sequence[Decision], registry_version: str) -> Verdict:
    """Write the verdict: the hardest decision, which comes first, speaks; all findings are kept."""
    speaks = decisions[0] if decisions else None
    is_allowed = speaks is None or speaks.action is Action.ALLOW
    grants = {each.grant_id for each in decisions if each.grant_id is not None}
    restyled = [each for each in decisions if each.action is Action.RESTYLE]
    return Verdict(
        checkpoint=Checkpoint.OUTPUT,
        action=Action.ALLOW if speaks is None else speaks.action,
        rule="default-allow" if speaks is None else speaks.rule,
        reason_code="allowed" if speaks is None or is_allowed else speaks.reason_code,
        message="Nothing protected was found." if speaks is None or is_allowed else _words(speaks),
        findings=tuple(each.seen.finding for each in decisions),
        registry_version=registry_version,
        added_negative_prompt=_unwanted(restyled) if restyled else None,
        grants_used=tuple(sorted(grants)),
    )


def _unwanted(decisions: Sequence[Decision]) -> str:
    names = [each.seen.finding.entity_name for each in decisions]
    return ", ".join(dict.fromkeys([*(name for name in names if name), "written words, logo"]))


def _words(decision: Decision) -> str:
    finding = decision.seen.finding
    whose = f"{finding.entity_name} ({finding.entity_kind}, {finding.rights_holder})"
    cure = policy.CURE_BY_KIND.get(finding.entity_kind or "", "Change the prompt.")
    match finding.check:
        case policy.NUDITY | policy.NUDITY_DOUBT:
            what, cure = "The clip shows nudity", "Change the prompt."
        case policy.FINGERPRINT:
            what = f"The clip matches registered material of {whose}"
        case policy.FACES:
            what = f"The clip shows the face of {whose}"
        case policy.ANY_FACE:
            what, cure = "The clip shows a face", "Change the prompt."
        case policy.TEXT:
            what = f"The clip shows the written name {whose}"
        case policy.SPOKEN:
            what = f"The clip says the name {whose}"
        case policy.UNHEARD:
            what, cure = "The clip has sound, to which no check listens,", "Ask for one without."
        case _:
            what = f"The check {finding.check!r} found something in the clip"
    match decision.action:
        case Action.REVIEW:
            return f"{what}. A person will decide whether it is released; wait for it."
        case Action.RESTYLE:
            return f"{what}. It is made again without."
        case Action.MASK:
            return f"{what}. It is covered where it shows."
        case Action.LICENCE_REQUIRED:
            return f"{what}. The rights holder offers licences: get one, and ask again."
        case _:
            return f"{what} and is not released. {cure}"
