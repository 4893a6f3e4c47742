"""From what the checks saw to what happens, as one table: the output checkpoint's, and the words
that both checkpoints share. The prompt checkpoint decides by the policy file (`policy_rules.py`).

Pure. Invariant: a finding that no rule knows blocks; only the absence of findings allows, with one
exception, the negative prompt. A negative prompt that names an entity asks for its absence, and
`negative_prompt: "Mickey Mouse"` is what a careful caller should write; so its findings are kept on
the verdict but do not block. This holds while guidance pushes away from the negative prompt
(guidance_scale >= 1); below 1 the sampler moves towards it, so the API must refuse that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict

NAMES: Final = "names"
NAMES_IN_NEGATIVE_PROMPT: Final = "names-in-negative-prompt"
DESCRIPTIONS: Final = "descriptions"
HARMS: Final = "harms"
FINGERPRINT: Final = "fingerprint"
NUDITY: Final = "nudity"

CURE_BY_KIND: Final = {
    "person": "Describe a person who does not exist instead.",
    "character": "Describe a character of your own instead.",
    "work": "Describe a story of your own instead.",
    "brand": "Describe the product without a brand instead.",
    "style": "Describe colours, light and line instead of naming whose style it is.",
}
"""Every kind blocks in this version. The order decides which of several findings is reported."""


def decide(
    findings: Sequence[Finding], *, checkpoint: Checkpoint, registry_version: str
) -> Verdict:
    """Apply the first rule that fits; the hardest finding speaks, all are kept."""
    deciding = [finding for finding in findings if finding.check != NAMES_IN_NEGATIVE_PROMPT]
    action = Action.BLOCK if deciding else Action.ALLOW
    if deciding:
        rule, reason_code, message = _block(min(deciding, key=_rank))
    else:
        rule, reason_code, message = "default-allow", "allowed", "Nothing protected was found."
    return Verdict(
        checkpoint=checkpoint,
        action=action,
        rule=rule,
        reason_code=reason_code,
        message=message,
        findings=tuple(findings),
        registry_version=registry_version,
    )


def check_failed(check: str, *, checkpoint: Checkpoint, registry_version: str) -> Verdict:
    """Give the verdict for a check without an answer: a block, never a pass."""
    rule, reason_code, message = _failed(check)
    return Verdict(
        checkpoint=checkpoint,
        action=Action.BLOCK,
        rule=rule,
        reason_code=reason_code,
        message=message,
        findings=(),
        registry_version=registry_version,
    )


def _rank(finding: Finding) -> tuple[bool, int, float, str]:
    kinds = list(CURE_BY_KIND)
    kind = finding.entity_kind
    position = kinds.index(kind) if kind in kinds else len(kinds)
    return finding.check != NUDITY, position, -finding.score, finding.entity_id or ""


def _block(finding: Finding) -> tuple[str, str, str]:
    """Rule, reason code and message for the finding that decides."""
    kind, name = finding.entity_kind, finding.entity_name
    if finding.check == NUDITY:
        return NUDITY, "nudity", "The clip shows nudity and is not released. Change the prompt."
    if finding.check == NAMES and kind in CURE_BY_KIND:
        return (
            "protected-name",
            f"protected_{kind}",
            f"The prompt names {name} ({kind}, {finding.rights_holder}), which is protected."
            f" {CURE_BY_KIND[kind]}",
        )
    if finding.check == FINGERPRINT and kind in CURE_BY_KIND:
        return (
            "reference-match",
            "reference_match",
            f"The clip matches registered material of {name} ({kind}, {finding.rights_holder})"
            f" and is not released. {CURE_BY_KIND[kind]}",
        )
    return _failed(finding.check)


def _failed(check: str) -> tuple[str, str, str]:
    return (
        "check-failed",
        "check_failed",
        f"The safeguard {check!r} could not give an answer, so nothing is made or released."
        " Try again; if it stays, tell the operator.",
    )
