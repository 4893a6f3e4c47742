"""API keys: which tenant a caller is, and what it may do. The file holds digests only, so reading
it opens no door.

Invariant: a file that cannot be understood as a whole stops the start; it never admits anybody.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from telecine_platform.errors import Forbidden, SettingsError, Unauthenticated

DEFAULT_TENANT = "default"
"""Who everybody is on an installation without keys."""


class Scope(StrEnum):
    """What a key opens."""

    SUBMIT = "submit"
    READ = "read"
    RIGHTS = "rights"
    REVIEW = "review"
    ADMIN = "admin"
    """Every other scope too, and on everybody's entities."""


PLAIN_SCOPES = frozenset({Scope.SUBMIT, Scope.READ})
"""Of keys that are listed without scopes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and what for it may."""

    tenant_id: str
    scopes: frozenset[Scope]

    @property
    def is_admin(self) -> bool:
        return Scope.ADMIN in self.scopes

    def check(self, scope: Scope) -> None:
        """Raise `Forbidden` unless the key has the scope, or `admin`."""
        if scope not in self.scopes and not self.is_admin:
            raise Forbidden(
                f"this key lacks the scope {scope.value!r}; it has: "
                f"{', '.join(sorted(self.scopes))}. Ask the operator for another key"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of one tenant, as its SHA-256 hex digest."""

    tenant_id: str
    sha256: str
    scopes: frozenset[Scope] = PLAIN_SCOPES


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """All keys of the installation; None stands for an installation without keys."""

    keys: tuple[ApiKey, ...] | None

    def caller_from_header(self, authorization: str | None) -> Caller:
        """Who sent the `Authorization: Bearer …` header; raises `Unauthenticated`."""
        if self.keys is None:
            return Caller(tenant_id=DEFAULT_TENANT, scopes=frozenset(Scope))
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("no API key: send the header `Authorization: Bearer YOUR_KEY`")
        digest = digest_from_key(key.strip())
        # Every digest is compared, each in constant time: the time taken tells nothing.
        matches = [item for item in self.keys if hmac.compare_digest(item.sha256, digest)]
        if not matches:
            raise Unauthenticated("this API key is unknown here: check it for missing characters")
        return Caller(tenant_id=matches[0].tenant_id, scopes=matches[0].scopes)

    def tenant_from_header(self, authorization: str | None) -> str:
        """The caller's tenant, where no scope matters."""
        return self.caller_from_header(authorization).tenant_id


def load_api_keys(file: Path | None) -> ApiKeys:
    """Read the keys file (YAML: tenant -> digests, or digests with scopes).

    Raises `SettingsError`.
    """
    if file is None:
        return ApiKeys(keys=None)
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
    keys = [
        ApiKey(tenant_id=tenant_id, sha256=digest.lower(), scopes=frozenset(group.scopes))
        for tenant_id, groups in groups_by_tenant.items()
        for group in groups
        for digest in group.keys
    ]
    if len({key.sha256 for key in keys}) != len(keys):
        raise SettingsError(f"api_keys_file {file} lists a key twice: one key is one tenant's")
    return ApiKeys(keys=tuple(keys))


def digest_from_key(key: str) -> str:
    """What the keys file holds for `key`."""
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest()


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
_TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", strict=True)]


class _KeyGroup(BaseModel):
    model_config = ConfigDict(extra="forbid")

    keys: Annotated[list[_Digest], Field(min_length=1)]
    scopes: Annotated[list[Scope], Field(min_length=1)] = sorted(PLAIN_SCOPES)


_KEYS_FILE = TypeAdapter(
    Annotated[dict[_TenantId, Annotated[list[_KeyGroup], Field(min_length=1)]], Field(min_length=1)]
)
