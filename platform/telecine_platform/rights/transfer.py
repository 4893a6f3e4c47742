"""The registry as one signed file, with the keys that the settings name.

Invariant: a file is taken whole or refused whole; what is refused leaves the version in force.
"""

from __future__ import annotations

from pathlib import Path

from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.rights.keys import private_key_from_file, public_key_from_file
from telecine_platform.rights.records import Change, RegistryVersion
from telecine_platform.rights.store import RightsStore
from telecine_safeguards.errors import RegistryError
from telecine_safeguards.registry.export import export_registry, registry_from_export

MAX_IMPORT_BYTES = 512 * 1024 * 1024
"""About half a million entities; the HTTP API stops at `max_body_bytes` already."""


def export_signed(rights: RightsStore, private_key_file: Path | None) -> bytes:
    """The whole registry, with what was withdrawn or revoked. Raises `SettingsError`."""
    if private_key_file is None:
        raise SettingsError(
            "an export is signed: set registry_private_key_file (docs/rights.md makes a key)"
        )
    return export_registry(rights.load_all(), private_key_from_file(private_key_file))


def import_signed(
    rights: RightsStore, content: bytes, public_key_file: Path | None, change: Change
) -> tuple[RegistryVersion, int]:
    """Check the signature and every line, then take all of it in one version.

    Returns the version and how many entries were new or different. Raises `InvalidRequest` for a
    file that is not what the key's owner signed, or that holds an impossible entry.
    """
    if public_key_file is None:
        raise SettingsError(
            "nobody's registry files are trusted here: set registry_public_key_file"
        )
    if len(content) > MAX_IMPORT_BYTES:
        raise InvalidRequest(
            f"the file has {len(content)} bytes, at most {MAX_IMPORT_BYTES} are taken; split it",
            code="body_too_large",
        )
    key = public_key_from_file(public_key_file)
    try:
        registry = registry_from_export(content, trusted_keys=[key], source="import")
    except RegistryError as error:
        raise InvalidRequest(str(error)[:500], code="registry_refused") from error
    return rights.import_registry(registry, change)
