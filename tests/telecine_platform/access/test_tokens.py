"""JWT bearer tokens against a real issuer: an HTTP server with a key set that the test changes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from telecine_platform.access.authenticate import Authenticator, authenticator_from_settings
from telecine_platform.access.callers import PLAIN_SCOPES, Caller
from telecine_platform.access.key_set import REFRESH_S, RETRY_S, KeySet
from telecine_platform.access.tokens import TokenRules, caller_from_token
from telecine_platform.errors import SettingsError, SignerUnavailable, Unauthenticated
from telecine_platform.settings import Settings, load_settings
from tests.records import START

ISSUER, AUDIENCE = "https://id.example", "telecine"
RULES = TokenRules(issuer=ISSUER, audience=AUDIENCE, tenant_claim="tenant", scope_claim="scope")
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEYS: dict[str, Any] = {  # Any: cryptography's private key classes
    "RS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def jwk(algorithm: str, kid: str, key: Any = None) -> dict[str, object]:
    public = (key or KEYS[algorithm]).public_key()
    made = jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True)
    return {**made, "kid": kid, "use": "sig"}


def claims(**changes: object) -> dict[str, object]:
    now = datetime.now(UTC)
    values: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": now + timedelta(minutes=5),
        "nbf": now,
        "tenant": "acme",
        "scope": "read submit profile",
    } | changes
    return {name: value for name, value in values.items() if value is not None}


def signed(algorithm: str = "ES256", kid: str | None = None) -> str:
    return signed_claims(claims(), algorithm, kid)


def signed_claims(said: dict[str, object], algorithm: str = "ES256", kid: str | None = None) -> str:
    headers = {"kid": kid or algorithm}
    return jwt.encode(said, KEYS[algorithm], algorithm=algorithm, headers=headers)


def file_of(tmp_path: Path, *keys: dict[str, object]) -> str:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": list(keys)}))
    return str(file)


@pytest.fixture
def keys(tmp_path: Path) -> KeySet:
    return KeySet(file_of(tmp_path, *(jwk(name, name) for name in KEYS)))


@pytest.mark.parametrize("algorithm", sorted(KEYS))
def test_a_good_token_names_tenant_and_scopes(keys: KeySet, algorithm: str) -> None:
    caller = caller_from_token(signed(algorithm), RULES, keys)
    assert caller == Caller(tenant_id="acme", scopes=PLAIN_SCOPES)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": datetime.now(UTC) - timedelta(minutes=2)}, "expired"),
        ({"exp": None}, "'exp' is missing"),
        ({"nbf": datetime.now(UTC) + timedelta(hours=9)}, "does not hold yet"),
        ({"iss": "https://other.example"}, "another issuer"),
        ({"iss": None}, "'iss' is missing"),
        ({"aud": "other"}, "another audience"),
        ({"aud": None}, "'aud' is missing"),
        ({"tenant": None}, "names no tenant"),
        ({"tenant": "../x"}, "names no tenant"),
        ({"tenant": ["acme"]}, "names no tenant"),
    ],
)
def test_a_token_with_wrong_claims_is_refused(
    keys: KeySet, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(Unauthenticated, match=said):
        caller_from_token(signed_claims(claims(**changes)), RULES, keys)


def forged() -> dict[str, str]:
    """Tokens that nobody with a private key has signed."""
    public_pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = jwt.encode(claims(), "", algorithm="none", headers={"kid": "RS256"})
    head, _, tail = signed("RS256").rpartition(".")
    other = ec.generate_private_key(ec.SECP256R1())
    hmac_key = jwt.utils.base64url_encode(public_pem)
    return {
        "none": unsigned,
        "hmac": jwt.encode(claims(), hmac_key, algorithm="HS256", headers={"kid": "RS256"}),
        "other-key": jwt.encode(claims(), other, algorithm="ES256", headers={"kid": "ES256"}),
        "other-kind": jwt.encode(claims(), other, algorithm="ES256", headers={"kid": "RS256"}),
        "rs512": jwt.encode(claims(), RSA, algorithm="RS512", headers={"kid": "RS256"}),
        "changed": f"{head}.{tail[:-8]}AAAAAAAA",
        "unknown-kid": signed(kid="elsewhere"),
        "garbage": "eyJ.e.e",
        "long": signed_claims(claims(tenant="a" * 20_000)),
    }


@pytest.mark.parametrize("kind", sorted(forged()))
def test_a_forged_token_is_refused_without_quoting_it(keys: KeySet, kind: str) -> None:
    token = forged()[kind]
    with pytest.raises(Unauthenticated) as caught:
        caller_from_token(token, RULES, keys)
    assert token[-20:] not in str(caught.value)


class Issuer:
    """What the issuer's server answers, and how often it was asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, object]] = []
        self.is_up = True
        self.num_asked = 0


@contextmanager
def serving(issuer: Issuer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.num_asked += 1
            self.send_response(200 if issuer.is_up else 500)
            self.end_headers()
            self.wfile.write(json.dumps({"keys": issuer.keys}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/jwks"
        server.shutdown()


def test_a_rotated_key_is_fetched_when_first_seen_and_no_oftener_than_allowed() -> None:
    issuer, now_s = Issuer(), 0.0
    issuer.keys = [jwk("RS256", "RS256")]
    with serving(issuer) as url:
        keys = KeySet(url, lambda: now_s)
        caller_from_token(signed("RS256"), RULES, keys)
        issuer.keys.append(jwk("ES256", "ES256"))
        for _ in range(20):  # a flood of unknown keys
            with pytest.raises(Unauthenticated, match="unknown here"):
                caller_from_token(signed("ES256"), RULES, keys)
        assert issuer.num_asked == 1
        now_s = RETRY_S
        assert caller_from_token(signed("ES256"), RULES, keys).tenant_id == "acme"
        assert issuer.num_asked == 2


def test_a_withdrawn_key_ends_but_an_issuer_that_is_down_ends_none() -> None:
    issuer, now_s = Issuer(), 0.0
    issuer.keys = [jwk("RS256", "RS256"), jwk("ES256", "ES256")]
    with serving(issuer) as url:
        keys = KeySet(url, lambda: now_s)
        caller_from_token(signed("ES256"), RULES, keys)
        issuer.is_up, issuer.keys = False, issuer.keys[:1]
        now_s = REFRESH_S + 1
        caller_from_token(signed("ES256"), RULES, keys)
        issuer.is_up, now_s = True, now_s + RETRY_S
        with pytest.raises(Unauthenticated, match="unknown here"):
            caller_from_token(signed("ES256"), RULES, keys)


def test_without_any_key_set_no_token_can_be_checked(tmp_path: Path) -> None:
    with pytest.raises(SignerUnavailable):
        caller_from_token(signed(), RULES, KeySet(str(tmp_path / "none.json")))


def door(tmp_path: Path, **settings: object) -> Authenticator:
    values = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE} | settings
    values["oidc_jwks"] = file_of(tmp_path, jwk("EdDSA", "EdDSA"))
    return authenticator_from_settings(load_settings(environ={}, overrides=values))


def test_tokens_and_keys_can_be_used_side_by_side(tmp_path: Path) -> None:
    from telecine_platform.access.keys import digest_from_key

    file = tmp_path / "keys.yaml"
    file.write_text(f"studio: ['{digest_from_key('k')}']")
    both = door(tmp_path, api_keys_file=file)
    assert both.may_block(f"Bearer {signed('EdDSA')}")
    assert not both.may_block("Bearer k")
    assert both.caller_from_header(f"Bearer {signed('EdDSA')}", START).tenant_id == "acme"
    assert both.caller_from_header("Bearer k", START).tenant_id == "studio"
    with pytest.raises(Unauthenticated, match="no API keys"):
        door(tmp_path).caller_from_header("Bearer k", START)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"oidc_issuer": ISSUER}, "missing: oidc_audience"),
        ({"oidc_jwks": "http://id.example/jwks"}, "must be https"),
    ],
)
def test_half_a_token_setting_stops_the_start(settings: dict[str, object], said: str) -> None:
    whole = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": "https://x/"}
    values = settings if "oidc_issuer" in settings else whole | settings
    with pytest.raises(SettingsError, match=said):
        load_settings(environ={}, overrides=values)
    assert Settings().oidc_issuer == ""
