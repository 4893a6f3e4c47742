"""The prompt checkpoint: every text that reaches the text encoder, one verdict.

Invariant: `screen` always returns a verdict. What cannot be screened is blocked, and the log says
which kind of error it was but never its text, which could quote the prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

from telecine_safeguards import policy
from telecine_safeguards.prompt.lexical import NameHit, NameIndex
from telecine_safeguards.prompt.normalize import resolve_entities
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.verdict import Checkpoint, Finding, Verdict

logger = logging.getLogger(__name__)


class PromptScreen:
    """Screens prompts against one registry."""

    def __init__(self, registry: Registry) -> None:
        """Raises RegistryError when a name of the registry could never be found."""
        self._index = NameIndex(registry)
        self._registry_version = registry.version

    def screen(self, *, prompt: str, negative_prompt: str) -> Verdict:
        """Decide about one job. Names in the negative prompt are found but do not block (policy).

        An empty text has no findings: whether a job may have one is the API's business.
        """
        try:
            findings = (
                *self._find(prompt, policy.NAMES),
                *self._find(negative_prompt, policy.NAMES_IN_NEGATIVE_PROMPT),
            )
            return policy.decide(
                findings, checkpoint=Checkpoint.PROMPT, registry_version=self._registry_version
            )
        except Exception as error:  # the edge of the safeguard: whatever it is, fail closed
            logger.error(
                "check failed",
                extra={
                    "action": "check_failed",
                    "check": policy.NAMES,
                    "error_type": type(error).__name__,
                },
            )
            return policy.check_failed(
                policy.NAMES,
                checkpoint=Checkpoint.PROMPT,
                registry_version=self._registry_version,
            )

    def _find(self, text: str, check: str) -> Iterator[Finding]:
        for hit in self._index.find(resolve_entities(text)):
            yield _finding(hit, check)


def _finding(hit: NameHit, check: str) -> Finding:
    return Finding(
        check=check,
        score=hit.score,
        entity_id=hit.entity.id,
        entity_name=hit.entity.name,
        entity_kind=hit.entity.kind.value,
        rights_holder=hit.entity.rights_holder,
        matched=hit.matched,
    )
