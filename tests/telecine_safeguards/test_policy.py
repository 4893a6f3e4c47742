"""The policy table."""

from __future__ import annotations

import pytest

from telecine_safeguards.policy import check_failed, decide
from telecine_safeguards.registry.entities import EntityKind
from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict


def _finding(check: str, kind: str | None = None, score: float = 1.0) -> Finding:
    return Finding(
        check=check,
        score=score,
        entity_id=f"the-{kind}",
        entity_name="Robo",
        entity_kind=kind,
        rights_holder="Robo Ltd",
        matched="r0bo",
    )


def _decide(*findings: Finding) -> Verdict:
    return decide(findings, checkpoint=Checkpoint.PROMPT, registry_version="v1")


@pytest.mark.parametrize(
    ("findings", "action", "rule", "reason_code"),
    [
        ([], "allow", "default-allow", "allowed"),
        *[
            ([_finding("names", kind)], "block", "protected-name", f"protected_{kind}")
            for kind in EntityKind
        ],
        *[
            ([_finding("fingerprint", kind)], "block", "reference-match", "reference_match")
            for kind in EntityKind
        ],
        ([_finding("nudity")], "block", "nudity", "nudity"),
        (
            [_finding("names-in-negative-prompt", "character")],
            "allow",
            "default-allow",
            "allowed",
        ),
        ([_finding("names", "unheard-of")], "block", "check-failed", "check_failed"),
        ([_finding("fingerprint")], "block", "check-failed", "check_failed"),
        ([_finding("a-new-check", "character")], "block", "check-failed", "check_failed"),
    ],
)
def test_policy_table(findings: list[Finding], action: str, rule: str, reason_code: str) -> None:
    verdict = _decide(*findings)

    assert (verdict.action, verdict.rule, verdict.reason_code) == (action, rule, reason_code)


@pytest.mark.parametrize("kind", EntityKind)
def test_message_says_what_was_found_whose_it_is_and_what_to_do(kind: EntityKind) -> None:
    message = _decide(_finding("names", kind)).message

    assert f"Robo ({kind}, Robo Ltd)" in message
    assert message.rstrip(".").endswith(("instead", "style it is"))


def test_hardest_finding_speaks_and_all_are_kept() -> None:
    findings = (_finding("names", "brand"), _finding("names", "person"))

    verdict = _decide(*findings)

    assert verdict.reason_code == "protected_person"
    assert verdict.findings == findings


def test_order_of_findings_does_not_change_the_decision() -> None:
    findings = [_finding("nudity", score=0.8), _finding("fingerprint", "work")]

    assert _decide(*findings).message == _decide(*reversed(findings)).message


def test_failed_check_blocks_and_names_the_check() -> None:
    verdict = check_failed("nudity", checkpoint=Checkpoint.OUTPUT, registry_version="v1")

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.reason_code == "check_failed"
    assert "'nudity'" in verdict.message
