"""The signed registry file: taken whole when it is what was signed, else refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.entities import Entity, EntityKind, Grant, Registry
from telecine_safeguards.registry.export import export_registry, registry_from_export
from telecine_safeguards.registry.load import registry_from_lines, starter_registry

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
REGISTRY = Registry(
    version="mine-7+abc",
    entities=(
        Entity(
            id="robo",
            kind=EntityKind.CHARACTER,
            name="Robo ロボ",
            rights_holder="Robo Ltd",
            term_ends_on=date(2050, 1, 1),
            reference_hashes=("0" * 64,),
            face_embedding=(0.5,) * 128,
        ),
        Entity(id="line", kind=EntityKind.BRAND, name="Line\u2028break", rights_holder="x"),
    ),
    grants=(
        Grant(
            id="g",
            entity_id="robo",
            tenant_id="t",
            uses=("video",),
            starts_at=datetime(2026, 1, 1, tzinfo=UTC),
            price=Decimal("0.25"),
        ),
    ),
)
FILE = export_registry(REGISTRY, KEY)


def _read(content: bytes, key: Ed25519PrivateKey = KEY) -> Registry:
    return registry_from_export(content, trusted_keys=[key.public_key()], source="file")


@pytest.mark.parametrize("registry", [REGISTRY, starter_registry()], ids=["small", "starter"])
def test_exported_registry_comes_back_the_same(registry: Registry) -> None:
    assert _read(export_registry(registry, KEY)) == registry


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        pytest.param(lambda _: b"", "no signature", id="empty"),
        pytest.param(lambda file: file.rsplit(b"\n", 2)[0] + b"\n", "no signature", id="unsigned"),
        pytest.param(lambda file: file[: len(file) // 2], "no signature", id="cut"),
        pytest.param(lambda file: file.replace(b"Ltd", b"Inc"), "signature", id="changed"),
        pytest.param(lambda file: file.replace(b"mine-7", b"mine-8"), "signature", id="header"),
        pytest.param(lambda file: b"\xff" + file, "signature", id="byte before"),
        pytest.param(lambda file: file + b"{}\n", "no signature", id="line after"),
        pytest.param(
            lambda file: b"\n".join([*file.split(b"\n")[:1], *file.split(b"\n")[2:]]),
            "signature",
            id="entity missing",
        ),
    ],
)
def test_damaged_file_is_refused_whole(change: Callable[[bytes], bytes], complaint: str) -> None:
    with pytest.raises(RegistryError, match=complaint):
        _read(change(FILE))


def test_file_signed_by_a_stranger_is_refused() -> None:
    stranger = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))

    with pytest.raises(RegistryError, match="not trusted"):
        _read(FILE, stranger)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"{", "line 1 is not JSON"),
        (b"[]", "line 1 is not an object"),
        (b'{"id": "a", "id": "b"}', "written twice"),
        (b'{"id": "a", "kind": "brand", "name": "A", "rights_holder": "A", "x": 1}', "'a': x"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_bad_line_is_refused_with_its_number(line: bytes, complaint: str) -> None:
    with pytest.raises(RegistryError, match=complaint):
        registry_from_lines(line, version="v", source="rights.jsonl")
