"""API keys: which tenant a caller is. The file holds digests only, so reading it opens no door.

Invariant: a file that cannot be understood as a whole stops the start; it never admits anybody.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from telecine_platform.errors import SettingsError, Unauthenticated

DEFAULT_TENANT = "default"
"""Who everybody is on an installation without keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of one tenant, as its SHA-256 hex digest."""

    tenant_id: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """All keys of the installation; None stands for an installation without keys."""

    keys: tuple[ApiKey, ...] | None

    def tenant_from_header(self, authorization: str | None) -> str:
        """The tenant of an `Authorization: Bearer …` header; raises `Unauthenticated`."""
        if self.keys is None:
            return DEFAULT_TENANT
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthenticated("no API key: send the header `Authorization: Bearer YOUR_KEY`")
        digest = digest_from_key(key.strip())
        # Every digest is compared, each in constant time: the time taken tells nothing.
        matches = [item for item in self.keys if hmac.compare_digest(item.sha256, digest)]
        if not matches:
            raise Unauthenticated("this API key is unknown here: check it for missing characters")
        return matches[0].tenant_id


def load_api_keys(file: Path | None) -> ApiKeys:
    """Read the keys file (`tenant: [sha256 hex, …]`, YAML); raises `SettingsError`."""
    if file is None:
        return ApiKeys(keys=None)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        digests_by_tenant = _KEYS_FILE.validate_python(values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"api_keys_file {file} cannot be read: {_cause(error)}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingsError(
            f"api_keys_file {file}: {where}: {first['msg']}; "
            "it must map each tenant to a list of SHA-256 hex digests of its keys"
        ) from error
    keys = [
        ApiKey(tenant_id=tenant_id, sha256=digest.lower())
        for tenant_id, digests in digests_by_tenant.items()
        for digest in digests
    ]
    if len({key.sha256 for key in keys}) != len(keys):
        raise SettingsError(f"api_keys_file {file} lists a key twice: one key is one tenant's")
    return ApiKeys(keys=tuple(keys))


def digest_from_key(key: str) -> str:
    """What the keys file holds for `key`."""
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest()


def _cause(error: Exception) -> str:
    """Without the lines that YAML's own message quotes: somebody may have put a key there."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{error.problem} in line {error.problem_mark.line + 1}"
    return str(error) if isinstance(error, OSError) else type(error).__name__


_Digest = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$", strict=True)]
_TenantId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", strict=True)]
_Digests = Annotated[list[_Digest], Field(min_length=1)]
_KEYS_FILE = TypeAdapter(Annotated[dict[_TenantId, _Digests], Field(min_length=1)])
