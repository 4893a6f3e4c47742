"""The policy's rules and how they decide. Pure: the time, the place and who asks come in.

First match wins. Invariant: a finding that no rule knows blocks; only the absence of findings, or
rules that say so, allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from telecine_safeguards.output.sightings import Sighting
from telecine_safeguards.output.sounds import Heard
from telecine_safeguards.registry.entities import EntityStatus, Grant
from telecine_safeguards.registry.force import grant_in_force
from telecine_safeguards.verdict import Action, Finding

HARDEST_FIRST: Final = (
    Action.BLOCK,
    Action.LICENCE_REQUIRED,
    Action.REVIEW,
    Action.RESTYLE,
    Action.MASK,
    Action.REWRITE,
    Action.ALLOW,
)
GRANTED: Final = "granted"
NO_RULE: Final = "no-rule"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Who asks, for what, where and when."""

    tenant_id: str
    region: str
    """Empty: unknown, so no rule or grant for a region fits."""
    use: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A finding with what the registry says about its entity."""

    finding: Finding
    status: EntityStatus = EntityStatus.VERIFIED
    is_rewritable: bool = False
    """Whether the entity has a generic description to put in its place."""
    spans: tuple[tuple[int, int], ...] = ()
    """Where in the prompt it stands; empty for what is not in the prompt."""
    sightings: tuple[Sighting, ...] = ()
    """In which frames of the clip it shows, and where in them."""
    sounds: tuple[Heard, ...] = ()
    """When it is heard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One line of the policy. An empty field fits everything."""

    name: str
    action: Action
    reason_code: str
    """Public and stable. `{kind}` becomes the entity's kind."""
    checks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    statuses: tuple[EntityStatus, ...] = ()
    min_score: float = 0.0
    is_rewritable: bool | None = None
    """None: whether or not."""
    regions: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    mask_by: str = "blur"
    """How a mask covers (`output/mask.py`): `blur`, `pixelate` or `inpaint`."""

    def fits(self, seen: Seen, circumstances: Circumstances) -> bool:
        """Whether this rule decides about the finding."""
        finding = seen.finding
        return (
            (not self.checks or finding.check in self.checks)
            and (not self.kinds or finding.entity_kind in self.kinds)
            and (not self.entities or finding.entity_id in self.entities)
            and (not self.statuses or seen.status in self.statuses)
            and finding.score >= self.min_score
            and (self.is_rewritable is None or self.is_rewritable == seen.is_rewritable)
            and (not self.regions or circumstances.region in self.regions)
            and (not self.tenants or circumstances.tenant_id in self.tenants)
            and (not self.uses or circumstances.use in self.uses)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Ordered rules."""

    version: str
    rules: tuple[Rule, ...]
    """For prompts."""
    output_rules: tuple[Rule, ...] = ()
    """For clips."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a policy says about one finding."""

    seen: Seen
    action: Action
    rule: str
    reason_code: str
    grant_id: str | None = None
    """The grant that made it an allow."""
    mask_by: str = "blur"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """Grants by entity."""

    by_entity: Mapping[str, Sequence[Grant]] = field(default_factory=dict)

    def in_force(self, entity_id: str | None, circumstances: Circumstances) -> Grant | None:
        """The grant that covers this use of the entity, if one does."""
        if entity_id is None:
            return None
        return grant_in_force(
            self.by_entity.get(entity_id, ()),
            tenant_id=circumstances.tenant_id,
            use=circumstances.use,
            region=circumstances.region,
            now=circumstances.now,
        )


def decide_each(
    seen: Sequence[Seen], *, policy: Policy, granted: Granted, circumstances: Circumstances
) -> list[Decision]:
    """Decide about every finding, the hardest first; a grant turns anything into an allow."""
    decisions = [_decide(each, policy, granted, circumstances) for each in seen]
    return sorted(decisions, key=_hardness)


def _decide(seen: Seen, policy: Policy, granted: Granted, circumstances: Circumstances) -> Decision:
    rule = next((rule for rule in policy.rules if rule.fits(seen, circumstances)), None)
    if rule is None:
        return Decision(
            seen=seen, action=Action.BLOCK, rule="check-failed", reason_code="check_failed"
        )
    grant = granted.in_force(seen.finding.entity_id, circumstances)
    if grant is not None and rule.action is not Action.ALLOW:
        return Decision(
            seen=seen, action=Action.ALLOW, rule=GRANTED, reason_code="granted", grant_id=grant.id
        )
    kind = seen.finding.entity_kind or "content"
    return Decision(
        seen=seen,
        action=rule.action,
        rule=rule.name,
        reason_code=rule.reason_code.replace("{kind}", kind),
        mask_by=rule.mask_by,
    )


def _hardness(decision: Decision) -> tuple[int, int, float, str]:
    finding = decision.seen.finding
    kinds = ("harm", "person", "character", "work", "brand", "style")
    place = kinds.index(finding.entity_kind) if finding.entity_kind in kinds else -1
    return (
        HARDEST_FIRST.index(decision.action),
        place,
        -finding.score,
        finding.entity_id or "",
    )
