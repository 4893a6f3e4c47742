"""Fetches from, or posts to, a URL that a user gave us.

Invariant: every connection, also after a redirect, goes to an address that was checked; one clock
bounds the whole exchange, from the name's look-up to the last byte; no more than `max_bytes` are
kept. Bodies are asked for as they are and compressed ones are refused, so nothing can unfold.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from functools import cache

import httpcore
import httpx

from telecine_platform.errors import FetchFailed, FetchRefused
from telecine_platform.fetch.connect import GuardedBackend, Resolve, resolve
from telecine_platform.fetch.rules import FetchRules, checked_url, shown_host

USER_AGENT = "Telecine"
CONNECT_TIMEOUT_S = 5.0
"""For one address of a name; the request's own limit bounds them all."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """One exchange. With a body it is a POST: no redirect is followed, the answer is a status."""

    url: str = field(repr=False)
    """May hold a secret: it is in no error and in no log."""
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 15.0
    max_bytes: int = 0
    """Of the answer to a GET."""
    max_redirects: int = 3
    content_types: frozenset[str] = frozenset()
    """The answer must be of one of these; empty: of any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What came back, whole; of a POST without its body."""

    status: int
    content_type: str
    body: bytes = field(repr=False)


@cache
def _known_authorities() -> ssl.SSLContext:
    """Reading them takes 20 ms of CPU: once in a process is enough."""
    return httpx.create_ssl_context()


class Fetcher:
    """Holds the operator's rules; safe to use from many tasks."""

    def __init__(
        self, rules: FetchRules, resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._backend = GuardedBackend(rules, resolve)
        self._rules = rules
        self._tls = tls or _known_authorities()

    def check(self, url: str) -> None:
        """Raise `FetchRefused` for a URL that no fetch would accept, as far as its text tells."""
        checked_url(url, self._rules)

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Do the exchange; a status of 400 and more is an answer like any other.

        Raises `FetchRefused` for what the rules forbid, `FetchFailed` for what did not work.
        """
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._follow(request)
        except TimeoutError as error:
            host = shown_host(checked_url(request.url, self._rules))
            raise FetchFailed(f"{host} took longer than {request.timeout_s:g} s") from error

    async def _follow(self, request: FetchRequest) -> Fetched:
        url = checked_url(request.url, self._rules)
        num_redirects = 0
        while True:
            answer = await self._exchange(url, request)
            if isinstance(answer, Fetched):
                return answer
            if num_redirects >= request.max_redirects:
                raise FetchRefused(f"{shown_host(url)} redirects more than {num_redirects} times")
            num_redirects += 1
            url = _joined(url, answer, self._rules)

    async def _exchange(self, url: httpx.URL, request: FetchRequest) -> Fetched | str:
        """One request and its answer, or where it is redirected to."""
        target = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        headers: dict[bytes | str, bytes | str] = {"host": url.netloc, "user-agent": USER_AGENT}
        headers["accept-encoding"] = "identity"
        headers.update(request.headers.items())
        if request.body is not None:
            headers["content-length"] = str(len(request.body))
        try:
            async with (
                httpcore.AsyncConnectionPool(self._tls, network_backend=self._backend) as pool,
                pool.stream(
                    "GET" if request.body is None else "POST",
                    target,
                    headers=headers,
                    content=request.body,
                    extensions={"timeout": {"connect": CONNECT_TIMEOUT_S}},
                ) as response,
            ):
                return await _read(response, url, request)
        except (httpcore.ConnectError, httpcore.ConnectTimeout, OSError) as error:
            raise FetchFailed(f"{shown_host(url)} cannot be reached") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            raise FetchFailed(f"{shown_host(url)} broke off: {type(error).__name__}") from error


def _joined(url: httpx.URL, location: str, rules: FetchRules) -> httpx.URL:
    try:
        return checked_url(str(url.join(location)), rules)
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchRefused(f"{shown_host(url)} redirects to something that is no URL") from error


async def _read(
    response: httpcore.Response, url: httpx.URL, request: FetchRequest
) -> Fetched | str:
    host = shown_host(url)
    headers = httpx.Headers(response.headers)
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if request.body is not None:
        return Fetched(status=response.status, content_type=content_type, body=b"")
    if response.status in _REDIRECTS and "location" in headers:
        return headers["location"]
    is_wanted = not request.content_types or content_type in request.content_types
    if response.status < 300 and not is_wanted:
        wanted = ", ".join(sorted(request.content_types))
        raise FetchRefused(f"{host} sent {content_type[:60]!r}; wanted: {wanted}")
    if headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise FetchRefused(f"{host} sent a compressed body, which was not asked for")
    parts, size_bytes = [], 0
    async for part in response.aiter_stream():
        size_bytes += len(part)
        if size_bytes > request.max_bytes:
            raise FetchRefused(f"{host} sent more than {request.max_bytes} bytes")
        parts.append(part)
    return Fetched(status=response.status, content_type=content_type, body=b"".join(parts))
