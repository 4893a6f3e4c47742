"""The verdict of a failed check, and what the shipped policy does with a clip's findings."""

from __future__ import annotations

import pytest

from telecine_safeguards.output.explain import output_verdict
from telecine_safeguards.policy import check_failed
from telecine_safeguards.policy_file import default_policy
from telecine_safeguards.policy_rules import Granted, Policy, Seen, decide_each
from telecine_safeguards.registry.entities import EntityKind
from telecine_safeguards.verdict import Action, Checkpoint, Finding, Verdict
from tests.telecine_safeguards.fake_looks import ASKED


def _finding(check: str, kind: str | None = None, score: float = 1.0) -> Finding:
    return Finding(
        check=check,
        score=score,
        entity_id=f"the-{kind}",
        entity_name="Robo",
        entity_kind=kind,
        rights_holder="Robo Ltd",
        matched="frame 3",
    )


def _decide(*findings: Finding) -> Verdict:
    policy = Policy(version="shipped", rules=default_policy().output_rules)
    seen = [Seen(finding=finding) for finding in findings]
    decisions = decide_each(seen, policy=policy, granted=Granted(), circumstances=ASKED)
    return output_verdict(decisions, "v1")


@pytest.mark.parametrize(
    ("findings", "action", "rule", "reason_code"),
    [
        ([], "allow", "default-allow", "allowed"),
        *[
            ([_finding("fingerprint", kind)], "block", "reference-match", "reference_match")
            for kind in EntityKind
        ],
        ([_finding("nudity")], "block", "nudity", "nudity"),
        ([_finding("nudity-doubt")], "review", "nudity-doubt", "nudity"),
        ([_finding("any-face")], "allow", "any-face", "allowed"),
        ([_finding("text", "brand")], "restyle", "written-name", "written_name"),
        ([_finding("a-new-check", "character")], "block", "check-failed", "check_failed"),
    ],
)
def test_output_policy_table(
    findings: list[Finding], action: str, rule: str, reason_code: str
) -> None:
    verdict = _decide(*findings)

    assert (verdict.action, verdict.rule, verdict.reason_code) == (action, rule, reason_code)


@pytest.mark.parametrize("kind", EntityKind)
def test_message_says_what_was_found_whose_it_is_and_what_to_do(kind: EntityKind) -> None:
    message = _decide(_finding("fingerprint", kind)).message

    assert f"Robo ({kind}, Robo Ltd)" in message
    assert message.rstrip(".").endswith(("instead", "style it is"))


def test_hardest_finding_speaks_and_all_are_kept() -> None:
    verdict = _decide(_finding("text", "brand"), _finding("faces", "person"))

    assert (verdict.action, verdict.reason_code) == (Action.BLOCK, "protected_face")
    assert {each.check for each in verdict.findings} == {"text", "faces"}


def test_order_of_findings_does_not_change_the_decision() -> None:
    findings = [_finding("nudity", score=0.8), _finding("fingerprint", "work")]

    assert _decide(*findings).message == _decide(*reversed(findings)).message


def test_failed_check_blocks_and_names_the_check() -> None:
    verdict = check_failed("nudity", checkpoint=Checkpoint.OUTPUT, registry_version="v1")

    assert (verdict.action, verdict.rule) == (Action.BLOCK, "check-failed")
    assert verdict.reason_code == "check_failed"
    assert "'nudity'" in verdict.message
