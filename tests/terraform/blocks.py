"""The blocks of our .tf files as python-hcl2 reads them, with names without quotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[2] / "terraform"
PROVIDER_MODULES = ("aws", "gcp")
META = frozenset({"for_each", "count", "depends_on", "lifecycle", "provider"})

Body = Mapping[str, Any]  # Any: HCL of any shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One `resource` or `data` block."""

    kind: str
    """`resource` or `data`."""
    type: str
    name: str
    body: Body
    file: Path


def read_blocks(folder: Path) -> Iterator[Block]:
    """Every resource and data block of a module."""
    for file in sorted(folder.glob("*.tf")):
        for kind in ("resource", "data"):
            for entry in _parsed(file).get(kind, []):
                ((resource, named),) = _plain(entry).items()
                ((name, body),) = _plain(named).items()
                yield Block(kind=kind, type=resource, name=name, body=_plain(body), file=file)


def read_names(folder: Path, kind: str) -> set[str]:
    """Names of the `variable`, `module` or `output` blocks of a module."""
    return {
        _unquoted(name)
        for file in folder.glob("*.tf")
        for entry in _parsed(file).get(kind, [])
        for name in _plain(entry)
    }


def nested(body: Body) -> Iterator[tuple[str, Body]]:
    """The blocks directly inside a body; a dynamic one counts as what it makes."""
    for name, value in body.items():
        if name in META or not _is_blocks(value):
            continue
        for item in value:
            if name == "dynamic":
                ((made, dynamic),) = _plain(item).items()
                yield made, _plain(_plain(dynamic)["content"][0])
            else:
                yield name, _plain(item)


def attributes(body: Body) -> set[str]:
    """The names that are set directly in a body."""
    return {name for name, value in body.items() if name not in META and not _is_blocks(value)}


@cache
def _parsed(file: Path) -> dict[str, Any]:
    with file.open(encoding="utf-8") as stream:
        parsed: dict[str, Any] = hcl2.load(stream)
    return parsed


def _is_blocks(value: object) -> bool:
    """hcl2 marks the bodies of blocks, which lists of objects do not have."""
    return isinstance(value, list) and any(
        isinstance(item, dict) and ("__is_block__" in item or _holds_block(item)) for item in value
    )


def _holds_block(item: Mapping[str, Any]) -> bool:
    return any(isinstance(value, dict) and "__is_block__" in value for value in item.values())


def _plain(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _unquoted(key): value
        for key, value in mapping.items()
        if key not in ("__is_block__", "__comments__", "__inline_comments__")
        and not key.startswith(("__start", "__end"))
    }


def _unquoted(name: str) -> str:
    return name.strip('"')
