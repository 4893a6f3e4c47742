"""The prompt checkpoint: every text that reaches the text encoder, one verdict.

Invariant: `screen` always returns a verdict. What cannot be screened is blocked, and the log says
which kind of error it was but never its text, which could quote the prompt.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from telecine_safeguards import policy as words
from telecine_safeguards.errors import CheckFailed
from telecine_safeguards.policy_file import default_policy
from telecine_safeguards.policy_rules import (
    Circumstances,
    Decision,
    Granted,
    Policy,
    Seen,
    decide_each,
)
from telecine_safeguards.prompt.embed import Embed
from telecine_safeguards.prompt.explain import rewrite_message, verdict_from_decisions
from telecine_safeguards.prompt.find import Finder
from telecine_safeguards.prompt.harms import HarmClassifier
from telecine_safeguards.prompt.normalize import resolve_entities
from telecine_safeguards.prompt.rewrite import Replacement, negative_words, rewritten
from telecine_safeguards.registry.entities import Grant, Registry
from telecine_safeguards.verdict import Action, Checkpoint, Verdict

logger = logging.getLogger(__name__)

SCREENING: Final = "prompt-screening"
MAX_REWRITES: Final = 3
"""A description can go on in the next sentence; what still matches after these is blocked."""


class PromptScreen:
    """Screens prompts against one registry by one policy."""

    def __init__(
        self,
        registry: Registry,
        *,
        embed: Embed | None = None,
        embed_foreign: Embed | None = None,
        policy: Policy | None = None,
        classifiers: Sequence[HarmClassifier] = (),
        is_meaning_required: bool = False,
    ) -> None:
        """Without `embed` only names are found; with `is_meaning_required` all is blocked then.

        `embed_foreign` understands other languages than English and is asked about those only.

        Raises RegistryError when a name of the registry could never be found, and CheckFailed when
        the embedding model gives no answer.
        """
        self._finder = Finder(
            registry, embed=embed, embed_foreign=embed_foreign, classifiers=classifiers
        )
        self._policy = default_policy() if policy is None else policy
        by_entity: dict[str, list[Grant]] = {}
        for grant in registry.grants:
            by_entity.setdefault(grant.entity_id, []).append(grant)
        self._granted = Granted(by_entity=by_entity)
        self._registry_version = registry.version
        self.is_ready = embed is not None or not is_meaning_required
        """Whether prompts can pass at all: the health state of a missing model."""

    def screen(
        self,
        *,
        prompt: str,
        negative_prompt: str,
        tenant_id: str = "default",
        region: str = "",
        use: str = "video",
        now: datetime | None = None,
    ) -> Verdict:
        """Decide about one job. Names in the negative prompt are found but do not block (policy).

        An empty text has no findings: whether a job may have one is the API's business.
        """
        (verdict,) = self.screen_many(
            [(prompt, negative_prompt)], tenant_id=tenant_id, region=region, use=use, now=now
        )
        return verdict

    def screen_many(
        self,
        prompts: Sequence[tuple[str, str]],
        *,
        tenant_id: str = "default",
        region: str = "",
        use: str = "video",
        now: datetime | None = None,
    ) -> list[Verdict]:
        """Decide about many (prompt, negative prompt) of one tenant, embedding them together."""
        circumstances = Circumstances(
            tenant_id=tenant_id,
            region=region,
            use=use,
            now=datetime.now(UTC) if now is None else now,
        )
        try:
            return self._screen_many(prompts, circumstances)
        except Exception as error:  # the edge of the safeguard: whatever it is, fail closed
            if len(prompts) > 1:  # one bad prompt must not block the others
                return [
                    self.screen_many([each], tenant_id=tenant_id, region=region, use=use, now=now)[
                        0
                    ]
                    for each in prompts
                ]
            logger.error(
                "check failed",
                extra={
                    "action": "check_failed",
                    "check": SCREENING,
                    "error_type": type(error).__name__,
                },
            )
            return [
                words.check_failed(
                    SCREENING,
                    checkpoint=Checkpoint.PROMPT,
                    registry_version=self._registry_version,
                )
            ]

    def _screen_many(
        self, prompts: Sequence[tuple[str, str]], circumstances: Circumstances
    ) -> list[Verdict]:
        if not self.is_ready:
            raise CheckFailed("the embedding model is missing, and the settings require it")
        texts = [resolve_entities(prompt) for prompt, _ in prompts]
        found = self._finder.find(texts, circumstances)
        verdicts = []
        for text, (_, negative), seen in zip(texts, prompts, found, strict=True):
            in_negative = self._finder.find_in_negative(resolve_entities(negative), circumstances)
            decisions = self._decide([*seen, *in_negative], circumstances)
            hardest = decisions[0].action if decisions else Action.ALLOW
            verdicts.append(
                self._rewrite(text, decisions, circumstances)
                if hardest is Action.REWRITE
                else verdict_from_decisions(decisions, decisions, self._registry_version)
            )
        return verdicts

    def _decide(self, seen: Sequence[Seen], circumstances: Circumstances) -> list[Decision]:
        return decide_each(
            seen, policy=self._policy, granted=self._granted, circumstances=circumstances
        )

    def _rewrite(
        self, prompt: str, first: Sequence[Decision], circumstances: Circumstances
    ) -> Verdict:
        """Replace, and screen again until nothing matches; what still does is blocked."""
        decisions, replaced = first, []
        for _ in range(MAX_REWRITES):
            due = [each for each in decisions if each.action is Action.REWRITE]
            replaced += due
            entities = self._finder.entities
            prompt = rewritten(
                prompt,
                [
                    Replacement(
                        entity=entities[each.seen.finding.entity_id or ""], spans=each.seen.spans
                    )
                    for each in due
                ],
            )
            (seen,) = self._finder.find([prompt], circumstances)
            decisions = self._decide(seen, circumstances)
            if not decisions or decisions[0].action is not Action.REWRITE:
                break
        changed = {each.seen.finding.entity_id or "": each for each in replaced}
        if decisions and decisions[0].action is not Action.ALLOW:
            return verdict_from_decisions(
                first, decisions, self._registry_version, action=Action.BLOCK
            )
        return verdict_from_decisions(
            first,
            first,
            self._registry_version,
            message=rewrite_message(replaced, {id_: entities[id_].generic for id_ in changed}),
            rewritten_prompt=prompt,
            added_negative_prompt=negative_words([entities[id_] for id_ in changed]),
        )
