"""The provider modules against a committed schema of the resources that they use.

`terraform validate` cannot run here, because no provider can be had: this is what takes its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.blocks import (
    PROVIDER_MODULES,
    ROOT,
    Block,
    Body,
    attributes,
    nested,
    read_blocks,
    read_names,
)
from tests.terraform.make_schema import SCHEMA

KNOWN: dict[str, Any] = json.loads(SCHEMA.read_text())
FROM_OTHERS = ("tls_certificate",)
"""Resources of small providers that have no bindings; each is read by hand."""


@pytest.fixture(params=PROVIDER_MODULES)
def folder(request: pytest.FixtureRequest) -> Path:
    return ROOT / str(request.param)


def test_every_resource_has_only_what_its_provider_knows(folder: Path) -> None:
    faults = [fault for block in read_blocks(folder) for fault in _faults(block)]
    assert faults == []


def test_the_schema_knows_no_resource_that_is_gone() -> None:
    used = {f"{b.kind}.{b.type}" for name in PROVIDER_MODULES for b in read_blocks(ROOT / name)}
    assert used - {f"data.{name}" for name in FROM_OTHERS} == KNOWN.keys()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"buckett": "x"}, "buckett is no attribute"),
        ({"bucket": None}, "bucket is missing"),
        ({"rule": [{"__is_block__": True, "colour": "red"}]}, "rule.colour is no attribute"),
        ({"rules": [{"__is_block__": True}]}, "rules is no block"),
    ],
)
def test_a_slip_of_the_pen_is_found(change: dict[str, Any], said: str) -> None:
    (block,) = (
        each
        for each in read_blocks(ROOT / "aws")
        if each.type == "aws_s3_bucket_ownership_controls"
    )
    body = {key: value for key, value in {**block.body, **change}.items() if value is not None}
    slipped = Block(kind=block.kind, type=block.type, name="x", body=body, file=block.file)
    assert any(said in fault for fault in _faults(slipped))


def test_every_reference_leads_somewhere(folder: Path) -> None:
    """`var.x`, `local.x`, `module.x` and `type.name` in any expression."""
    text = "\n".join(file.read_text() for file in sorted(folder.glob("*.tf")))
    blocks = list(read_blocks(folder))
    known = {f"var.{name}" for name in read_names(folder, "variable")}
    known |= {f"module.{name}" for name in read_names(folder, "module")}
    known |= {f"{b.type}.{b.name}" for b in blocks if b.kind == "resource"}
    known |= {f"data.{b.type}.{b.name}" for b in blocks if b.kind == "data"}
    pattern = r"\b((?:var|module|data\.[a-z_0-9]+|(?:aws|google)_[a-z_0-9]+)\.[a-z_0-9]+)"
    found = set(re.findall(pattern, re.sub(r"#.*", "", text)))
    assert sorted(found - known) == []


def test_every_output_that_is_used_of_a_module_is_there(folder: Path) -> None:
    text = "\n".join(file.read_text() for file in folder.glob("*.tf"))
    plans = {"gangs": "plan-gangs", "bucket": "plan-bucket", "values": "plan-values"}
    for module, output in set(re.findall(r"module\.([a-z]+)\.([a-z_]+)", text)):
        assert output in read_names(ROOT / "modules" / plans[module], "output"), output


def test_every_variable_is_used(folder: Path) -> None:
    text = "\n".join(file.read_text() for file in folder.glob("*.tf"))
    unused = [name for name in read_names(folder, "variable") if f"var.{name}" not in text]
    assert unused == []


def _faults(block: Block) -> Iterator[str]:
    key = f"{block.kind}.{block.type}"
    if block.type not in FROM_OTHERS:
        yield from (f"{key} {block.name}: {fault}" for fault in _check(block.body, KNOWN[key], ""))


def _check(body: Body, known: dict[str, Any], path: str) -> Iterator[str]:
    given = attributes(body)
    blocks = list(nested(body))
    for name in sorted(given - set(known["attributes"])):
        yield f"{path}{name} is no attribute"
    for name in known["required"]:
        if name not in given and name not in dict(blocks):
            yield f"{path}{name} is missing"
    for name, inner in blocks:
        if name not in known["blocks"]:
            yield f"{path}{name} is no block"
        else:
            yield from _check(inner, known["blocks"][name], f"{path}{name}.")
