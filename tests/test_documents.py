"""What the documents say is what the code does."""

from __future__ import annotations

import ast
import re
import subprocess
from itertools import pairwise
from pathlib import Path

from telecine_platform import settings

ROOT = Path(__file__).resolve().parents[1]


def settings_table() -> str:
    """The rows of docs/settings.md, from the class itself."""
    (body,) = (
        node.body
        for node in ast.parse(Path(settings.__file__).read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    rows = []
    for field, why in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(why, ast.Expr):
            assert isinstance(field.target, ast.Name)
            name, reason = field.target.id, " ".join(ast.literal_eval(why.value).split())
            default = settings.Settings.model_fields[name].default
            rows.append(f"| `{name}` | {_shown(default)} | {reason} |")
    return "\n".join(rows)


def _shown(default: object) -> str:
    if default is None or default == "":
        return ""
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def test_every_setting_is_documented_as_it_is() -> None:
    document = (ROOT / "docs" / "settings.md").read_text()
    missing = [row for row in settings_table().splitlines() if row not in document]
    assert missing == [], "put these rows into docs/settings.md:\n" + "\n".join(missing)


def test_links_between_documents_lead_somewhere() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    broken = [
        f"{name}: {link}"
        for name in listed.stdout.split()
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", (ROOT / name).read_text())
        if "://" not in link and not ((ROOT / name).parent / link).exists()
    ]
    assert broken == []
