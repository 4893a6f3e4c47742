"""The public keys of who signs tokens (JWKS, RFC 7517), from a file or from its issuer's URL.

Invariant: however many tokens name unknown keys, the issuer is asked at most every `RETRY_S`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import jwt

from telecine_platform.errors import SignerUnavailable, Unauthenticated

logger = logging.getLogger(__name__)

REFRESH_S = 600.0
"""A key that its issuer has withdrawn is trusted no longer, if the issuer can be reached."""
RETRY_S = 30.0
"""Between two fetches, whatever asks for them."""
TIMEOUT_S = 5.0
MAX_BYTES = 256 * 1024


class KeySet:
    """Keys by their `kid`; safe to share between threads."""

    def __init__(self, source: str, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """`source` is an http(s) URL or a file's path; nothing is read yet."""
        self._source = source
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._loaded_s: float | None = None
        self._tried_s: float | None = None

    def key(self, kid: str | None) -> jwt.PyJWK:
        """The key of that name; may block on a fetch.

        Raises `Unauthenticated` for an unknown one, `SignerUnavailable` while there are no keys.
        """
        # Who has a key at hand goes on with it while another thread fetches.
        if self._is_due(kid) and self._lock.acquire(blocking=kid not in self._keys):
            try:
                if self._is_due(kid):
                    self._fetch()
            finally:
                self._lock.release()
        if self._loaded_s is None:
            raise SignerUnavailable("the keys that tokens are checked with cannot be read")
        if kid not in self._keys:
            raise Unauthenticated("this token is signed with a key that is unknown here")
        return self._keys[kid]

    def _is_due(self, kid: str | None) -> bool:
        """Whether to fetch: a key is missing or all are old, and nobody has tried lately."""
        now_s = self._monotonic_s()
        is_old = self._loaded_s is None or now_s - self._loaded_s > REFRESH_S
        may_try = self._tried_s is None or now_s - self._tried_s >= RETRY_S
        return (is_old or kid not in self._keys) and may_try

    def _fetch(self) -> None:
        """Replace the keys; what cannot be read leaves the old ones in place."""
        self._tried_s = self._monotonic_s()
        try:
            found = jwt.PyJWKSet.from_json(_read(self._source)).keys
        except (OSError, httpx.HTTPError, ValueError, jwt.PyJWTError) as error:
            logger.error(
                "token keys kept", extra={"action": "token_keys_kept", "code": type(error).__name__}
            )
            return
        signing = [key for key in found if key.public_key_use in (None, "sig")]
        keys: dict[str | None, jwt.PyJWK] = {key.key_id: key for key in signing}
        if len(signing) == 1:  # then a token need not name it
            keys[None] = signing[0]
        self._keys = keys
        self._loaded_s = self._monotonic_s()


def _read(source: str) -> str:
    if not source.startswith(("http://", "https://")):
        return Path(source).read_text(encoding="utf-8")
    response = httpx.get(source, timeout=TIMEOUT_S, follow_redirects=False)
    response.raise_for_status()
    if len(response.content) > MAX_BYTES:
        raise ValueError(f"the key set is over {MAX_BYTES} bytes")
    return response.text
