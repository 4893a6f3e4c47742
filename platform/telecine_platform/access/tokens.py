"""OIDC and other JWT bearer tokens: who signed them decides, and their claims name the tenant.

Only public-key signatures count: with `none` or an HMAC anybody could sign, the latter with the
public key itself (RFC 8725, section 3.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import jwt

from telecine_platform.access.callers import TENANT_PATTERN, Caller, Scope
from telecine_platform.access.key_set import KeySet
from telecine_platform.errors import Unauthenticated

ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
LEEWAY_S = 30
"""By how much the issuer's clock may be off."""
MAX_TOKEN_CHARS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What a token has to say."""

    issuer: str
    audience: str
    tenant_claim: str
    scope_claim: str


def looks_like_token(text: str) -> bool:
    """Whether it is a signed JWT: three parts, of which the first is a JSON object."""
    return text.startswith("eyJ") and text.count(".") == 2


def caller_from_token(token: str, rules: TokenRules, keys: KeySet) -> Caller:
    """Who the token says the caller is. Raises `Unauthenticated`, which never quotes the token.

    May block on a fetch of keys.
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise Unauthenticated(f"this token is longer than {MAX_TOKEN_CHARS} characters")
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS:
            raise Unauthenticated(
                f"tokens must be signed with one of: {', '.join(sorted(ALGORITHMS))}"
            )
        key = keys.key(header.get("kid"))
        if key.algorithm_name != header["alg"]:
            raise Unauthenticated("this token's signature is not of its key's kind")
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=LEEWAY_S,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(f"this token is not valid: {_reason(error)}") from error
    return Caller(tenant_id=_tenant(claims, rules), scopes=_scopes(claims, rules))


def _tenant(claims: dict[str, Any], rules: TokenRules) -> str:  # Any: JSON
    tenant_id = claims.get(rules.tenant_claim)
    if not isinstance(tenant_id, str) or not re.fullmatch(TENANT_PATTERN, tenant_id):
        raise Unauthenticated(f"this token's claim {rules.tenant_claim!r} names no tenant")
    return tenant_id


def _scopes(claims: dict[str, Any], rules: TokenRules) -> frozenset[Scope]:
    """The scopes that we know: a string of words (RFC 8693) or a list; others are somebody's."""
    said = claims.get(rules.scope_claim, "")
    words = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    return frozenset(Scope(word) for word in words if word in set(Scope))


def _reason(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "it has expired"
        case jwt.ImmatureSignatureError():
            return "it does not hold yet"
        case jwt.InvalidAudienceError():
            return "it is meant for another audience"
        case jwt.InvalidIssuerError():
            return "it comes from another issuer"
        case jwt.MissingRequiredClaimError():
            return f"the claim {error.claim!r} is missing"
        case _:
            return "its form or its signature is wrong"
