"""API keys as records: only their digests are kept, so reading them opens no door."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from telecine_platform.access.callers import PLAIN_SCOPES, Caller, Scope
from telecine_platform.errors import Unauthenticated


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """One key of one tenant, as its SHA-256 hex digest."""

    tenant_id: str
    sha256: str
    scopes: frozenset[Scope] = PLAIN_SCOPES
    prefix: str | None = None
    """The key's first letters, up to its secret part; None for keys that we did not make."""
    name: str = ""
    """What it is for, in the operator's words."""
    expires_at: datetime | None = None
    """It opens nothing from then on; None: it holds until it is taken out of the file."""

    @property
    def label(self) -> str:
        """What names the key to people: its prefix, else how its digest begins."""
        return self.prefix or f"sha256:{self.sha256[:12]}"

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, kw_only=True)
class ApiKeys:
    """All keys of the installation."""

    keys: tuple[ApiKey, ...]

    @cached_property
    def _key_by_digest(self) -> dict[str, ApiKey]:
        return {key.sha256: key for key in self.keys}

    def caller_from_key(self, key: str, now: datetime) -> Caller:
        """Whose key it is; raises `Unauthenticated`."""
        # Looked up by digest: what the time taken could tell is no way back to a key.
        found = self._key_by_digest.get(digest_from_key(key))
        if found is None:
            raise Unauthenticated("this API key is unknown here: check it for missing characters")
        if found.is_expired(now):
            raise Unauthenticated(
                f"this API key ({found.label}) has expired; ask the operator for its successor"
            )
        return Caller(tenant_id=found.tenant_id, scopes=found.scopes)


def digest_from_key(key: str) -> str:
    """What the keys file holds for `key`."""
    return hashlib.sha256(key.encode("utf-8", errors="surrogateescape")).hexdigest()


def new_key() -> tuple[str, str]:
    """A key of 256 random bits and its prefix, which may be shown: `tlc_1a2b3c4d`."""
    prefix = f"tlc_{secrets.token_hex(4)}"
    return f"{prefix}_{secrets.token_urlsafe(32)}", prefix
