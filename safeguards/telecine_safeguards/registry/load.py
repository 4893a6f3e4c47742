"""Reads registry files. With `export.py` the one place where registry data from outside enters.

Invariant: a file is taken whole or refused whole, with the entity and the cure in the error: a
registry that silently loses an entry would let protected work through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Hashable, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import Registry
from telecine_safeguards.registry.rows import (
    EntityRow,
    GrantRow,
    entity_from_row,
    grant_from_row,
)

STARTER_VERSION: Final = "starter-3"
STARTER_FILES: Final = ("characters", "brands", "people", "styles")
DIGEST_DIGITS: Final = 12
"""48 bits: two registries of one operator will not meet by chance, and it fits in a log line."""


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key written twice, of which YAML would silently drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # Any: the signature of the class above
        keys = [str(key.value) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.constructor.ConstructorError(
                "in a mapping", node.start_mark, f"a key is written twice: {keys}"
            )
        return super().construct_mapping(node, deep)


class _RegistryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    entities: list[EntityRow] = Field(min_length=1)
    grants: list[GrantRow] = []


def load_registry(path: Path) -> Registry:
    """Read and check a registry file: `.jsonl` is JSON Lines, all else YAML. Raises RegistryError.

    JSON Lines hold one entity a line, unsigned: the operator's own file on the operator's own
    disk. What comes from elsewhere is signed and read by `export.registry_from_export`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RegistryError(
            f"registry {path} cannot be read ({error.strerror}): give a readable YAML file"
        ) from error
    if path.suffix == ".jsonl":
        return registry_from_lines(content, version=path.stem, source=str(path))
    return registry_from_yaml(content, source=str(path))


def starter_registry() -> Registry:
    """Read the registry that ships with the package: a start, not legal advice."""
    folder = resources.files(__package__).joinpath("starter")
    content = b"".join(folder.joinpath(f"{name}.jsonl").read_bytes() for name in STARTER_FILES)
    return registry_from_lines(content, version=STARTER_VERSION, source="starter")


def registry_from_yaml(content: bytes, *, source: str) -> Registry:
    """Parse and check one registry; `source` names it in errors. Raises RegistryError."""
    try:
        document = yaml.load(content, Loader=_StrictLoader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegistryError(f"registry {source} is not YAML: {error}") from error
    return _registry_from_document(document, content=content, source=source)


def registry_from_lines(content: bytes, *, version: str, source: str) -> Registry:
    """Parse and check one entity a line; blank lines do not count. Raises RegistryError."""
    rows = [
        json_object(line, source=source, number=number)
        for number, line in enumerate(content.split(b"\n"), start=1)
        if line.strip()
    ]
    document = {"version": version, "entities": rows}
    return _registry_from_document(document, content=content, source=source)


def registry_from_rows(
    *, version: str, entities: Sequence[object], grants: Sequence[object], source: str
) -> Registry:
    """Check rows that were parsed elsewhere, and keep `version` as it is. Raises RegistryError."""
    document = {"version": version, "entities": list(entities), "grants": list(grants)}
    file = _checked_file(document, source)
    return Registry(
        version=file.version,
        entities=tuple(map(entity_from_row, file.entities)),
        grants=tuple(map(grant_from_row, file.grants)),
    )


def json_object(line: bytes, *, source: str, number: int) -> dict[str, Any]:  # Any: unchecked JSON
    """Parse a line that must hold one object, without a key written twice. Raises RegistryError."""
    try:
        value = json.loads(line, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"registry {source}: line {number} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise RegistryError(f"registry {source}: line {number} is not an object")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: unchecked JSON
    keys = [key for key, _ in pairs]
    if len(set(keys)) < len(keys):
        raise ValueError(f"a key is written twice: {keys}")
    return dict(pairs)


def _registry_from_document(document: object, *, content: bytes, source: str) -> Registry:
    file = _checked_file(document, source)
    digest = hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]
    return Registry(
        version=f"{file.version}+{digest}",
        entities=tuple(map(entity_from_row, file.entities)),
        grants=tuple(map(grant_from_row, file.grants)),
    )


def _checked_file(document: object, source: str) -> _RegistryFile:
    try:
        file = _RegistryFile.model_validate(document)
    except ValidationError as error:
        raise RegistryError(_words_from_error(error, document, source)) from error
    for ids, noun in (
        ([row.id for row in file.entities], "entity"),
        ([row.id for row in file.grants], "grant"),
    ):
        seen: set[str] = set()
        for id_ in ids:
            if id_ in seen:
                raise RegistryError(
                    f"registry {source}: id {id_!r} is used twice; give each {noun} its own id"
                )
            seen.add(id_)
    known = {row.id for row in file.entities}
    for grant in file.grants:
        if grant.entity_id not in known:
            raise RegistryError(
                f"registry {source}: grant {grant.id!r} is for {grant.entity_id!r}, which is not"
                " an entity of this registry; correct the id"
            )
    return file


def _words_from_error(error: ValidationError, document: object, source: str) -> str:
    first = error.errors(include_url=False)[0]
    match (document, first["loc"]):
        case ({"entities": list(rows)}, ("entities", int(position), *fields)):
            row = rows[position]
            name = row.get("id") if isinstance(row, dict) else None
            where = f"entity {name!r}" if name else f"entity number {position + 1}"
        case (_, fields):
            where = "file"
    field = ".".join(map(str, fields)) or "its shape"
    return (
        f"registry {source}: {where}: {field}: {first['msg']}; got {first['input']!r:.80}."
        " Correct it and load again"
    )
