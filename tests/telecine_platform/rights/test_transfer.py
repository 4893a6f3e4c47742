"""A registry file is taken whole or refused whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.rights import transfer
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.rights.store import RightsStore
from telecine_platform.rights.transfer import export_signed, import_signed
from tests.rights_records import change, entity


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    pair = tmp_path / "key.pem", tmp_path / "key.pem.pub"
    write_new_keys(*pair)
    return pair


def test_export_reads_back_as_the_same_content(
    rights: RightsStore, keys: tuple[Path, Path]
) -> None:
    rights.propose(entity(id="new"), "acme", change())
    before = rights.current_version()
    version, num_changed = import_signed(rights, export_signed(rights, keys[0]), keys[1], change())
    assert num_changed == 0
    assert version.name.partition("+")[2] == before.partition("+")[2]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content.replace(b"Zorbulon", b"Zorbulan"),
        lambda content: content.rpartition(b'{"key"')[0],
        lambda content: content[: len(content) // 2],
        lambda content: b"\n".join(content.split(b"\n")[1:]),
        lambda content: content + b'{"entity":{}}\n',
        lambda _content: b"",
        lambda _content: b"\xff\x00" * 100,
        lambda _content: b"[" * 100_000,
    ],
)
def test_spoilt_file_is_refused_and_the_version_stays(
    rights: RightsStore, keys: tuple[Path, Path], spoil: Callable[[bytes], bytes]
) -> None:
    before = rights.current_version()
    with pytest.raises(InvalidRequest) as caught:
        import_signed(rights, spoil(export_signed(rights, keys[0])), keys[1], change())
    assert caught.value.code == "registry_refused"
    assert rights.current_version() == before


def test_file_of_another_key_is_refused(
    rights: RightsStore, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    write_new_keys(tmp_path / "other.pem", tmp_path / "other.pub")
    content = export_signed(rights, tmp_path / "other.pem")
    with pytest.raises(InvalidRequest, match="not trusted"):
        import_signed(rights, content, keys[1], change())


def test_enormous_file_is_refused_unread(
    rights: RightsStore, keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MAX_IMPORT_BYTES", 100)
    with pytest.raises(InvalidRequest, match="at most 100"):
        import_signed(rights, b"x" * 101, keys[1], change())


def test_missing_and_wrong_keys_are_said(
    rights: RightsStore, keys: tuple[Path, Path], tmp_path: Path
) -> None:
    calls: list[tuple[str, Callable[[], object]]] = [
        ("set registry_private_key_file", lambda: export_signed(rights, None)),
        ("set registry_public_key_file", lambda: import_signed(rights, b"", None, change())),
        ("no readable PEM", lambda: export_signed(rights, tmp_path / "none")),
        ("no readable PEM", lambda: import_signed(rights, b"", keys[0], change())),
    ]
    for said, call in calls:
        with pytest.raises(SettingsError, match=said):
            call()


def test_new_keys_overwrite_nothing_and_are_private(keys: tuple[Path, Path]) -> None:
    assert keys[0].stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidRequest, match="cannot write"):
        write_new_keys(*keys)
