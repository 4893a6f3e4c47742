"""One page of HTML for support staff: what a job's safeguards saw, and why they decided so.

Invariant: every text on it passes `escape`; prompts and the registry's names are other people's.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from telecine_platform.records import Job
from telecine_safeguards.verdict import Finding, Verdict

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;"
    "color:#1a1a1a;background:#fff}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #ccc}"
    "blockquote{margin:0;padding:.5rem 1rem;border-left:4px solid #888;white-space:pre-wrap;"
    "overflow-wrap:anywhere}"
)


def page_from_job(job: Job) -> str:
    """The whole document."""
    title = f"Verdicts on {job.id}"
    verdicts = "".join(_section(verdict) for verdict in job.verdicts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>"
        + _table(
            (
                ("state", f"{job.state}, in the {job.stage} stage"),
                ("tenant", job.tenant_id),
                ("asked at", job.created_at.isoformat(timespec="seconds")),
            )
        )
        + _quote("Prompt", job.spec.prompt)
        + _quote("Negative prompt", job.spec.negative_prompt)
        + (verdicts or "<p>No safeguard has decided yet.</p>")
        + "</body></html>"
    )


def _section(verdict: Verdict) -> str:
    facts = [
        ("decision", verdict.action),
        ("reason code", verdict.reason_code),
        ("rule", verdict.rule),
        ("registry version", verdict.registry_version),
    ]
    if verdict.grants_used:
        facts.append(("grants used", ", ".join(verdict.grants_used)))
    return (
        f"<h2>{escape(verdict.checkpoint.capitalize())} checkpoint: {escape(verdict.action)}</h2>"
        f"<p>{escape(verdict.message)}</p>"
        + _table(facts)
        + _quote("Rewritten prompt", verdict.rewritten_prompt or "")
        + _quote("Added to the negative prompt", verdict.added_negative_prompt or "")
        + _findings(verdict.findings)
    )


def _findings(findings: tuple[Finding, ...]) -> str:
    if not findings:
        return "<p>Nothing matched.</p>"
    heads = ("check", "score", "matched", "entity", "kind", "rights holder")
    rows = "".join(
        _row(
            "td",
            (
                finding.check,
                f"{finding.score:.2f}",
                finding.matched or "",
                finding.entity_name or finding.entity_id or "",
                finding.entity_kind or "",
                finding.rights_holder or "",
            ),
        )
        for finding in findings
    )
    return f"<h3>What matched</h3><table>{_row('th', heads)}{rows}</table>"


def _table(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts
    )
    return f"<table>{rows}</table>"


def _row(cell: str, texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>"


def _quote(title: str, text: str) -> str:
    if not text:
        return ""
    return f"<h3>{escape(title)}</h3><blockquote>{escape(text)}</blockquote>"
