"""Reads a registry file. The one place where registry data from outside enters.

Invariant: a file is taken whole or refused whole, with the entity and the cure in the error: a
registry that silently loses an entry would let protected work through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import Entity, EntityKind, Registry

_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
_PdqHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


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


_DIGEST_DIGITS = 12
"""48 bits: two registries of one operator will not meet by chance, and it fits in a log line."""


class _EntityRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: _Name
    kind: EntityKind
    name: _Name
    rights_holder: _Name
    aliases: list[_Name] = []
    ambiguous: bool = False
    context_words: list[_Name] = []
    reference_hashes: list[_PdqHex] = []


class _RegistryFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: _Name
    entities: list[_EntityRow] = Field(min_length=1)


def load_registry(path: Path) -> Registry:
    """Read and check a YAML registry file. Raises RegistryError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RegistryError(
            f"registry {path} cannot be read ({error.strerror}): give a readable YAML file"
        ) from error
    return registry_from_yaml(content, source=str(path))


def starter_registry() -> Registry:
    """Read the small registry that ships with the package: a start, not legal advice."""
    content = resources.files(__package__).joinpath("starter.yaml").read_bytes()
    return registry_from_yaml(content, source="starter.yaml")


def registry_from_yaml(content: bytes, *, source: str) -> Registry:
    """Parse and check one registry; `source` names it in errors. Raises RegistryError."""
    try:
        document = yaml.load(content, Loader=_StrictLoader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RegistryError(f"registry {source} is not YAML: {error}") from error
    try:
        file = _RegistryFile.model_validate(document)
    except ValidationError as error:
        raise RegistryError(_words_from_error(error, document, source)) from error
    seen: set[str] = set()
    for row in file.entities:
        if row.id in seen:
            raise RegistryError(
                f"registry {source}: id {row.id!r} is used twice; give each entity its own id"
            )
        seen.add(row.id)
        if row.ambiguous and not row.context_words:
            raise RegistryError(
                f"registry {source}: entity {row.id!r} is ambiguous without context words and"
                " could never match; add context_words, or set ambiguous: false"
            )
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]
    return Registry(
        version=f"{file.version}+{digest}",
        entities=tuple(_entity_from_row(row) for row in file.entities),
    )


def _entity_from_row(row: _EntityRow) -> Entity:
    return Entity(
        id=row.id,
        kind=row.kind,
        name=row.name,
        rights_holder=row.rights_holder,
        aliases=tuple(row.aliases),
        ambiguous=row.ambiguous,
        context_words=tuple(row.context_words),
        reference_hashes=tuple(row.reference_hashes),
    )


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
