"""The operator's policy file: first match wins, and a bad file is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from telecine_safeguards.errors import PolicyError
from telecine_safeguards.policy_file import default_policy, load_policy, policy_from_yaml
from telecine_safeguards.policy_rules import Circumstances, Granted, Seen, decide_each
from telecine_safeguards.registry.entities import EntityStatus
from telecine_safeguards.verdict import Finding

HERE = Circumstances(
    tenant_id="acme", region="DE", use="video", now=datetime(2026, 11, 22, tzinfo=UTC)
)


def _seen(check: str, kind: str, *, score: float = 1.0, **about: Any) -> Seen:
    finding = Finding(check=check, score=score, entity_id="x", entity_kind=kind)
    return Seen(finding=finding, **about)


def _decide(text: str, seen: Seen) -> tuple[str, str]:
    policy = policy_from_yaml(f"version: v\nrules:\n{text}".encode(), source="p")
    (decision,) = decide_each([seen], policy=policy, granted=Granted(), circumstances=HERE)
    return decision.action.value, decision.rule


LAST = "- {name: last, action: block, reason_code: blocked}"


@pytest.mark.parametrize(
    ("fields", "is_fitting"),
    [
        ("checks: [names]", True),
        ("checks: [descriptions]", False),
        ("kinds: [brand, character]", True),
        ("kinds: [person]", False),
        ("entities: [x]", True),
        ("entities: [y]", False),
        ("statuses: [verified]", True),
        ("statuses: [disputed]", False),
        ("min_score: 0.9", True),
        ("min_score: 0.96", False),
        ("is_rewritable: false", True),
        ("is_rewritable: true", False),
        ("regions: [DE]", True),
        ("regions: [US]", False),
        ("tenants: [acme]", True),
        ("tenants: [other]", False),
        ("uses: [video]", True),
        ("uses: [still]", False),
    ],
)
def test_rule_fits_what_it_names(fields: str, is_fitting: bool) -> None:
    rule = f"- {{name: first, action: allow, reason_code: allowed, {fields}}}"

    decided = _decide(f"{rule}\n{LAST}", _seen("names", "character", score=0.95))

    assert decided == (("allow", "first") if is_fitting else ("block", "last"))


def test_finding_without_a_rule_blocks() -> None:
    rule = "- {name: one, action: allow, reason_code: allowed, kinds: [brand]}"

    assert _decide(rule, _seen("names", "character")) == ("block", "check-failed")


@pytest.mark.parametrize(
    ("seen", "action", "reason_code"),
    [
        (_seen("names", "character"), "block", "protected_character"),
        (_seen("names", "style", is_rewritable=True), "rewrite", "protected_style"),
        (_seen("names", "style"), "block", "protected_style"),
        (_seen("descriptions", "work", is_rewritable=True), "rewrite", "described_work"),
        (_seen("descriptions", "work"), "block", "described_work"),
        (_seen("names", "person", status=EntityStatus.PROPOSED), "review", "unsettled_claim"),
        (_seen("harms", "harm"), "block", "harmful_content"),
        (_seen("names-in-negative-prompt", "person"), "allow", "allowed"),
    ],
)
def test_default_policy_as_a_table(seen: Seen, action: str, reason_code: str) -> None:
    (decision,) = decide_each(
        [seen], policy=default_policy(), granted=Granted(), circumstances=HERE
    )

    assert (decision.action, decision.reason_code) == (action, reason_code)


def _output(fields: str) -> str:
    return f"version: v\nrules:\n{LAST}\noutput_rules:\n- {{name: out, reason_code: b, {fields}}}"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "its shape"),
        ("rules: [", "not YAML"),
        ("version: v\nrules: []", "rules"),
        ("version: v\nrules:\n- {name: a, action: shrug, reason_code: b}", "action"),
        ("version: v\nrules:\n- {name: a, action: block, reason_code: b, colour: red}", "colour"),
        ("version: v\nrules:\n- {name: a, action: block, reason_code: b, kinds: [pet]}", "kinds"),
        ("version: v\nrules:\n- {name: a, action: block, reason_code: 'B!'}", "reason_code"),
        (f"version: v\nrules:\n{LAST}\n{LAST}", "one name"),
        (_output("action: mask, checks: [fingerprint]"), "a mask needs checks that see where"),
        (_output("action: mask"), "a mask needs checks that see where"),
        (_output("action: mask, checks: [text], mask_by: paint"), "mask_by"),
        (_output("action: block, checks: [text], mask_by: blur"), "mask_by is for the action mask"),
    ],
)
def test_bad_policy_file_is_refused_with_its_place(content: str, complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        policy_from_yaml(content.encode(), source="policy.yaml")


def test_missing_policy_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "none.yaml")
