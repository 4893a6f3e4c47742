"""What a user's URL may look like, and where it may lead. Pure: names are resolved elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from telecine_platform.errors import FetchRefused, SettingsError
from telecine_platform.fetch.addresses import (
    Address,
    Network,
    is_public,
    is_within,
    network_from_text,
)

PORTS = frozenset({443, 8443})
"""What an https URL may name; anything else would make us a port scanner."""
MAX_URL_CHARS = 2_048
_HOST = re.compile(r"[a-z0-9._:-]+")
"""A name in ASCII (IDNA), or an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRules:
    """The operator's exceptions. Empty: only public addresses, by https."""

    hosts: frozenset[str] = frozenset()
    """Names that may lead anywhere: any address, any port, plain http."""
    networks: tuple[Network, ...] = ()
    """Addresses that count as public."""


def rules_from_text(text: str) -> FetchRules:
    """Read `hooks.svc, 10.2.0.0/16`. Raises `SettingsError`."""
    hosts, networks = [], []
    for entry in filter(None, (part.strip().lower() for part in text.split(","))):
        network = network_from_text(entry)
        if network is not None:
            networks.append(network)
        elif re.fullmatch(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", entry) and not _is_numeric(entry):
            hosts.append(entry)
        else:
            raise SettingsError(
                f"fetch_allowed: {entry[:80]!r} is no host name and no network; "
                "write them as hooks.svc,10.2.0.0/16"
            )
    return FetchRules(hosts=frozenset(hosts), networks=tuple(networks))


def checked_url(text: str, rules: FetchRules) -> httpx.URL:
    """Take the URL apart. Raises `FetchRefused`, which never quotes more of it than the host."""
    if len(text) > MAX_URL_CHARS:
        raise FetchRefused(f"the URL is longer than {MAX_URL_CHARS} characters")
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise FetchRefused("this is not a URL") from error
    if url.scheme not in ("https", "http") or not _HOST.fullmatch(shown_host(url)):
        raise FetchRefused("the URL must begin with https:// and name a host")
    if url.userinfo:
        raise FetchRefused("the URL must not carry a user name or password")
    if shown_host(url) in rules.hosts:
        return url
    if url.scheme != "https":
        raise FetchRefused(f"the URL of {shown_host(url)} must begin with https://")
    if (url.port or 443) not in PORTS:
        ports = " or ".join(str(port) for port in sorted(PORTS))
        raise FetchRefused(f"the URL of {shown_host(url)} must use port {ports}")
    return url


def checked_addresses(host: str, found: Sequence[Address], rules: FetchRules) -> list[Address]:
    """The addresses of `host` that we may connect to, in the order found.

    Raises `FetchRefused` if there is none. One private address among public ones refuses the name:
    no honest name has both.
    """
    if host in rules.hosts:
        return list(found)
    refused = [
        address
        for address in found
        if not is_public(address) and not is_within(address, rules.networks)
    ]
    if refused or not found:
        raise FetchRefused(f"{host} does not lead to a public address")
    return list(found)


def shown_host(url: httpx.URL) -> str:
    """The host as an error may name it, and as the rules spell it."""
    return url.raw_host.decode("ascii").lower().rstrip(".")[:253]


def _is_numeric(entry: str) -> bool:
    """Whether a resolver could take it for an address, as 127.1 or 0x7f000001."""
    return entry.split(".")[-1].isdigit() or entry.startswith("0x")
