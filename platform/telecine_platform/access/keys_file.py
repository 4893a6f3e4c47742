"""The keys file (YAML): tenant -> digests, or groups of digests with scopes.

Invariant: a file that cannot be understood as a whole is refused; it never admits anybody.
"""

from __future__ import annotations

import os
import tempfile
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from telecine_platform.access.callers import PLAIN_SCOPES, TENANT_PATTERN, Scope
from telecine_platform.access.keys import ApiKey, ApiKeys
from telecine_platform.errors import SettingsError


def read_keys(file: Path) -> ApiKeys:
    """Read the file. Raises `SettingsError` that quotes none of its lines."""
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        groups_by_tenant = _KEYS_FILE.validate_python(_in_groups(values))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"api_keys_file {file} cannot be read: {_cause(error)}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(
            f"api_keys_file {file}: {where}: {first['msg']}; it must map each tenant to a list of "
            "SHA-256 hex digests of its keys, or to {keys: [digests], scopes: [scopes]}"
        ) from error
    keys = tuple(
        _key_from_row(row, tenant_id, group)
        for tenant_id, groups in groups_by_tenant.items()
        for group in groups
        for row in group.keys
    )
    if len({key.sha256 for key in keys}) != len(keys):
        raise SettingsError(f"api_keys_file {file} lists a key twice: one key is one tenant's")
    return ApiKeys(keys=keys)


def write_keys(file: Path, keys: ApiKeys) -> None:
    """Put the keys into the file at once: a reader sees the old file or the new one.

    Comments of the old file are lost. Raises `SettingsError` where the folder is read-only.
    """
    text = yaml.safe_dump(_document(keys), sort_keys=False, allow_unicode=True)
    try:
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
        ) as written:
            os.fchmod(written.fileno(), mode)
            written.write(text)
            written.flush()
            os.fsync(written.fileno())
        os.replace(written.name, file)
    except OSError as error:
        raise SettingsError(f"api_keys_file {file} cannot be written: {error}") from error


def _key_from_row(row: str | _KeyRow, tenant_id: str, group: _KeyGroup) -> ApiKey:
    if isinstance(row, str):
        row = _KeyRow(sha256=row)
    return ApiKey(
        tenant_id=tenant_id,
        sha256=row.sha256.lower(),
        scopes=frozenset(group.scopes),
        prefix=row.prefix,
        name=row.name,
        expires_at=row.expires_at,
    )


def _document(keys: ApiKeys) -> dict[str, list[dict[str, Any]]]:  # Any: what YAML takes
    def place(key: ApiKey) -> tuple[str, list[str]]:
        return key.tenant_id, sorted(scope.value for scope in key.scopes)

    document: dict[str, list[dict[str, Any]]] = {}
    for (tenant_id, scopes), group in groupby(sorted(keys.keys, key=place), key=place):
        rows = [_row_from_key(key) for key in group]
        document.setdefault(tenant_id, []).append({"scopes": scopes, "keys": rows})
    return document


def _row_from_key(key: ApiKey) -> dict[str, str]:
    expires_at = None if key.expires_at is None else key.expires_at.isoformat()
    row = {"prefix": key.prefix, "name": key.name, "expires_at": expires_at, "sha256": key.sha256}
    return {name: value for name, value in row.items() if value}


def _in_groups(values: object) -> object:
    """Each tenant's plain list, mapping, or list of mappings -> a list of mappings."""
    if not isinstance(values, dict):
        return values
    groups: dict[object, object] = {}
    for tenant_id, value in values.items():
        is_plain = isinstance(value, list) and not any(isinstance(item, dict) for item in value)
        groups[tenant_id] = [{"keys": value}] if is_plain else value
        if isinstance(value, dict):
            groups[tenant_id] = [value]
    return groups


def _cause(error: Exception) -> str:
    """Without the lines that YAML's own message quotes: somebody may have put a key there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return str(error) if isinstance(error, OSError) else type(error).__name__


_Digest = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$", strict=True)]
_TenantId = Annotated[str, Field(pattern=TENANT_PATTERN, strict=True)]


class _KeyRow(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sha256: _Digest
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] | None = None
    name: Annotated[str, Field(max_length=100)] = ""
    expires_at: AwareDatetime | None = None


class _KeyGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: Annotated[list[_Digest | _KeyRow], Field(min_length=1)]
    scopes: Annotated[list[Scope], Field(min_length=1)] = sorted(PLAIN_SCOPES)


_KEYS_FILE = TypeAdapter(
    Annotated[dict[_TenantId, Annotated[list[_KeyGroup], Field(min_length=1)]], Field(min_length=1)]
)
