"""A caller: a tenant with scopes, however it proved who it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from telecine_platform.errors import Forbidden

DEFAULT_TENANT = "default"
"""Who everybody is on an installation without keys and tokens."""
TENANT_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class Scope(StrEnum):
    """What a key or token opens."""

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
        """Raise `Forbidden` unless the caller has the scope, or `admin`."""
        if scope not in self.scopes and not self.is_admin:
            raise Forbidden(
                f"this key lacks the scope {scope.value!r}; it has: "
                f"{', '.join(sorted(self.scopes)) or 'none'}. Ask the operator for another key"
            )
