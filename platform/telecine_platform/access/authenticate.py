"""The header of a request -> its caller: by an API key, by a token, or by neither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from telecine_platform.access.callers import DEFAULT_TENANT, Caller, Scope
from telecine_platform.access.key_set import KeySet
from telecine_platform.access.keys_follow import FollowedKeys
from telecine_platform.access.tokens import TokenRules, caller_from_token, looks_like_token
from telecine_platform.errors import Unauthenticated
from telecine_platform.settings import Settings

_OPEN = Caller(tenant_id=DEFAULT_TENANT, scopes=frozenset(Scope))


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """How callers prove who they are here; without keys and tokens everybody is the one tenant."""

    keys: FollowedKeys | None
    token_rules: TokenRules | None
    token_keys: KeySet | None

    def may_block(self, authorization: str | None) -> bool:
        """Whether `caller_from_header` could wait for the token issuer: not on an event loop."""
        return self.token_rules is not None and looks_like_token(_credential(authorization))

    def caller_from_header(self, authorization: str | None, now: datetime) -> Caller:
        """Who sent the `Authorization: Bearer …` header.

        Raises `Unauthenticated`, and `SignerUnavailable` while no token can be checked.
        """
        if self.keys is None and self.token_rules is None:
            return _OPEN
        credential = _credential(authorization)
        if not credential:
            raise Unauthenticated("no API key: send the header `Authorization: Bearer YOUR_KEY`")
        if (
            self.token_rules is not None
            and self.token_keys is not None
            and looks_like_token(credential)
        ):
            return caller_from_token(credential, self.token_rules, self.token_keys)
        if self.keys is None:
            raise Unauthenticated("this installation takes tokens of its issuer, no API keys")
        return self.keys.current().caller_from_key(credential, now)


def authenticator_from_settings(settings: Settings) -> Authenticator:
    """Read the keys file, if there is one. Raises `SettingsError` when it is broken."""
    file = settings.api_keys_file
    rules = TokenRules(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        tenant_claim=settings.oidc_tenant_claim,
        scope_claim=settings.oidc_scope_claim,
    )
    has_tokens = bool(settings.oidc_issuer)
    return Authenticator(
        keys=None if file is None else FollowedKeys(file),
        token_rules=rules if has_tokens else None,
        token_keys=KeySet(settings.oidc_jwks) if has_tokens else None,
    )


def _credential(authorization: str | None) -> str:
    scheme, _, credential = (authorization or "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""
