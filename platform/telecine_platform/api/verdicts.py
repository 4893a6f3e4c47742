"""A verdict as JSON: for the preview of a prompt, and for reviewers."""

from __future__ import annotations

from dataclasses import asdict

from pydantic import BaseModel, Field

from telecine_safeguards.verdict import Verdict


class FindingView(BaseModel):
    """One thing that one check saw."""

    check: str
    score: float
    entity_id: str | None
    entity_name: str | None
    entity_kind: str | None
    rights_holder: str | None
    matched: str | None


class VerdictView(BaseModel):
    """One decision, and why."""

    checkpoint: str
    action: str = Field(description="`allow`, `rewrite`, `review`, `licence-required`, `block`.")
    rule: str
    reason_code: str
    message: str
    findings: list[FindingView]
    registry_version: str
    rewritten_prompt: str | None
    added_negative_prompt: str | None
    grants_used: list[str]


def view_from_verdict(verdict: Verdict) -> VerdictView:
    values = asdict(verdict)
    shown = {name: values[name] for name in VerdictView.model_fields}
    shown["findings"] = [
        {name: finding[name] for name in FindingView.model_fields} for finding in values["findings"]
    ]
    return VerdictView.model_validate(shown)
