"""Resolves a name, checks where it leads, and connects to the very address that was checked.

Between the check and the connection there is no second look-up, so a name that changes its mind
(DNS rebinding) changes nothing. TLS still checks the certificate against the name.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address

import httpcore

from telecine_platform.fetch.addresses import Address
from telecine_platform.fetch.rules import FetchRules, checked_addresses

Resolve = Callable[[str, int], Awaitable[list[Address]]]
MAX_ADDRESSES = 4
"""How many of a name's addresses are tried."""


async def resolve(host: str, port: int) -> list[Address]:
    """All addresses of the name, by this machine's resolver; raises `OSError` if there are none.

    It also understands 127.1, 0x7f000001 and the like, and answers with what they mean.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty or too long
        raise OSError("the name cannot be looked up") from error
    return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens httpcore's connections; each goes through the check, whoever asks for it."""

    def __init__(self, rules: FetchRules, resolve: Resolve = resolve) -> None:
        self._rules = rules
        self._resolve = resolve
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `FetchRefused` for an address that is not allowed."""
        name = host.strip("[]").lower().rstrip(".")
        addresses = checked_addresses(name, await self._resolve(name, port), self._rules)
        last_error: Exception | None = None
        for address in addresses[:MAX_ADDRESSES]:
            try:
                return await self._backend.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last_error = error
        raise last_error or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("no user's URL leads to a local socket")
