"""The registry file: what is taken, and how a bad one is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import EntityKind
from telecine_safeguards.registry.load import load_registry, registry_from_yaml, starter_registry

GOOD = """
version: mine-3
entities:
  - {id: robo, kind: character, name: Robo, rights_holder: Robo Ltd, aliases: [ロボ]}
"""


def test_good_file_becomes_a_registry(tmp_path: Path) -> None:
    path = tmp_path / "registry.yaml"
    path.write_text(GOOD, encoding="utf-8")

    entity = load_registry(path).entities[0]

    assert (entity.id, entity.kind, entity.names) == (
        "robo",
        EntityKind.CHARACTER,
        ("Robo", "ロボ"),
    )


def test_version_is_the_given_one_and_a_digest_of_the_content() -> None:
    first = registry_from_yaml(GOOD.encode(), source="a").version
    changed = registry_from_yaml(GOOD.replace("Ltd", "Inc").encode(), source="a").version

    assert re.fullmatch(r"mine-3\+[0-9a-f]{12}", first)
    assert changed != first


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be read"):
        load_registry(tmp_path / "none.yaml")


def _file(rows: str) -> str:
    return f"version: v\nentities:\n{rows}"


_ROBO = "  - {id: robo, kind: character, name: Robo, rights_holder: Ltd"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param("", "file", id="empty file"),
        pytest.param("entities: [", "not YAML", id="not YAML"),
        pytest.param("version: v\nentities: []", "entities", id="no entities"),
        pytest.param(_file(f"{_ROBO}}}\n{_ROBO}}}"), "'robo' is used twice", id="id twice"),
        pytest.param(_file(f"{_ROBO}, name: Other}}"), "written twice", id="key twice"),
        pytest.param(_file(_ROBO.replace("Robo", "''") + "}"), "'robo': name", id="empty name"),
        pytest.param(_file(f"{_ROBO}, aliases: [' ']}}"), "aliases", id="blank alias"),
        pytest.param(
            _file(f"{_ROBO}, reference_hashes: [12ab]}}"), "reference_hashes.0", id="short hash"
        ),
        pytest.param(_file(f"{_ROBO}, ambiguous: true}}"), "context words", id="no context"),
        pytest.param(_file(f"{_ROBO}, clear_names: [Robo X]}}"), "not among", id="clear stranger"),
        pytest.param(_file(f"{_ROBO}, colour: red}}"), "colour", id="unknown key"),
        pytest.param(
            _file(_ROBO.replace("character", "thing") + "}"), "'robo': kind", id="unknown kind"
        ),
    ],
)
def test_bad_file_is_refused_with_file_and_place(content: str, complaint: str) -> None:
    with pytest.raises(RegistryError, match=re.escape(complaint)) as caught:
        registry_from_yaml(content.encode(), source="rights.yaml")

    assert "rights.yaml" in str(caught.value)


def test_starter_registry_covers_every_kind() -> None:
    entities = starter_registry().entities

    assert len(entities) >= 1_050
    assert {entity.kind for entity in entities} == set(EntityKind)
