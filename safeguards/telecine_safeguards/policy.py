"""The words that both checkpoints share: the checks, the cures, and the verdict of a failed check.

What happens with a finding is decided by the policy file (`policy_rules.py`).
"""

from __future__ import annotations

from typing import Final

from telecine_safeguards.verdict import Action, Checkpoint, Verdict

NAMES: Final = "names"
NAMES_IN_NEGATIVE_PROMPT: Final = "names-in-negative-prompt"
DESCRIPTIONS: Final = "descriptions"
HARMS: Final = "harms"
FINGERPRINT: Final = "fingerprint"
NUDITY: Final = "nudity"
NUDITY_DOUBT: Final = "nudity-doubt"
TEXT: Final = "text"
FACES: Final = "faces"
ANY_FACE: Final = "any-face"
PLUGIN: Final = "plugin"
SOUND: Final = "sound"
SPOKEN: Final = "spoken"
UNHEARD: Final = "unheard"
"""A clip has sound, and no check listens."""
OF_SOUND: Final = frozenset({SOUND, SPOKEN, UNHEARD})
MASKED: Final = "masked"
"""The reason code of a clip that was released with parts of it covered."""
CHECK_FAILED: Final = "check-failed"
"""The rule of a verdict without an answer."""

CURE_BY_KIND: Final = {
    "person": "Describe a person who does not exist instead.",
    "character": "Describe a character of your own instead.",
    "work": "Describe a story of your own instead.",
    "brand": "Describe the product without a brand instead.",
    "style": "Describe colours, light and line instead of naming whose style it is.",
}


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


def _failed(check: str) -> tuple[str, str, str]:
    return (
        CHECK_FAILED,
        "check_failed",
        f"The safeguard {check!r} could not give an answer, so nothing is made or released."
        " Try again; if it stays, tell the operator.",
    )
