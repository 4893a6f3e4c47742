"""What a safeguard decided, and why. The one record that both checkpoints write on a job.

A verdict is stored on the job for good and shown to the caller, so its `reason_code`s are stable
public words and its `message` says what the caller can do. A finding's `matched` text can quote the
prompt: it may be stored, never logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Checkpoint(StrEnum):
    """Where in a job's life the verdict was given."""

    PROMPT = "prompt"
    PICTURE = "picture"
    """The pictures that the clip was to be made from."""
    OUTPUT = "output"


class Action(StrEnum):
    """What happens to the job, from mildest to hardest."""

    ALLOW = "allow"
    REWRITE = "rewrite"
    """The job goes on with the verdict's `rewritten_prompt` and `added_negative_prompt`."""
    MASK = "mask"
    """What was seen is covered where it shows, and the clip looked at again."""
    RESTYLE = "restyle"
    """The clip is made again with the verdict's `added_negative_prompt`."""
    REVIEW = "review"
    """The job waits for a person."""
    LICENCE_REQUIRED = "licence-required"
    """The rights holder offers licences; without a grant nothing is made."""
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that one check saw."""

    check: str
    """The check's name: `names`, `fingerprint`, `nudity`, `text`, `faces`."""
    score: float
    """How sure the check is, 0 to 1."""
    entity_id: str | None = None
    """The registry's entity, where the check is about one."""
    entity_name: str | None = None
    entity_kind: str | None = None
    rights_holder: str | None = None
    matched: str | None = None
    """What matched: the words of the prompt, or the frame's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One decision of one checkpoint."""

    checkpoint: Checkpoint
    action: Action
    rule: str
    """The policy rule that decided: `default-allow`, `protected-name`, `check-failed`, …"""
    reason_code: str
    """Stable and public: `allowed`, `protected_character`, `protected_person`, …"""
    message: str
    """One or two sentences for the caller: what was found and what to do."""
    findings: tuple[Finding, ...]
    registry_version: str
    """The version of the registry that was in force."""
    rewritten_prompt: str | None = None
    """What goes to the text encoder instead of the prompt; None: the prompt itself."""
    added_negative_prompt: str | None = None
    """What to append to the negative prompt; None: nothing."""
    grants_used: tuple[str, ...] = ()
    """The ids of the grants without which the verdict would have been harder."""

    @property
    def is_block(self) -> bool:
        """Whether the job must stop: nothing may be made or released from here on."""
        return self.action in (Action.BLOCK, Action.LICENCE_REQUIRED)
