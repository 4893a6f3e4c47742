"""Writes the table of values in helm/telecine/README.md from the comments in values.yaml.

`python -m tests.helm.readme` after a change; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.helm.chart import CHART

README = CHART / "README.md"
_BEGIN, _END = "<!-- values: written by tests/helm/readme.py -->", "<!-- end of values -->"
_KEY = re.compile(r"^( *)([A-Za-z0-9_]+):(.*)$")


def table() -> str:
    """One row for each value, in the file's order."""
    text = (CHART / "values.yaml").read_text()
    rows = ["| value | default | what it does |", "|---|---|---|"]
    rows += [f"| `{path}` | {default} | {why} |" for path, default, why in _rows(text)]
    return "\n".join(rows)


def current_readme() -> str:
    """The README with the table as it has to be."""
    head, _, rest = README.read_text().partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    return f"{head}{_BEGIN}\n\n{table()}\n\n{_END}{tail}"


def undocumented() -> list[str]:
    """Values without a word: neither they nor their parent has a comment."""
    text = (CHART / "values.yaml").read_text()
    rows = list(_rows(text))
    said = {path for path, _, why in rows if why}
    return [
        path
        for path, _, why in rows
        if not why and not any(path.startswith(f"{parent}.") for parent in said)
    ]


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    values = yaml.safe_load(text)
    parents: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            comment = [stripped.removeprefix("# -- ")]
        elif stripped.startswith("#") and comment:
            comment.append(stripped.lstrip("# "))
        elif match := _KEY.match(line):
            indent, key = len(match[1]), match[2]
            parents = [(depth, name) for depth, name in parents if depth < indent]
            path = [name for _, name in parents] + [key]
            parents.append((indent, key))
            value = _value(values, path)
            is_block = isinstance(value, dict) and value and not match[3].strip()
            if not is_block or comment:
                yield ".".join(path), "" if is_block else _shown(value), " ".join(comment)
            comment = []
        elif not stripped:
            comment = []


def _value(values: Any, path: list[str]) -> Any:  # Any: values are nested documents
    for name in path:
        values = values[name]
    return values


def _shown(value: Any) -> str:  # Any: a value
    if value in ("", {}, []):
        return ""
    return f"`{yaml.safe_dump(value, default_flow_style=True, width=1000).splitlines()[0]}`"


if __name__ == "__main__":
    Path(README).write_text(current_readme())
