"""Which IP addresses a user may send us to: public unicast ones, and nothing else.

Source of the ranges: the IANA special-purpose address registries (RFC 6890), as Python's
`ipaddress` has them; the lists below name what it leaves out.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that the gateway really connects to."""
_REFUSED: tuple[Network, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),  # carrier-grade NAT; a cloud's metadata is in it as well
    IPv4Network("168.63.129.16/32"),  # Azure's metadata and DNS: looks public
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv4Network("198.18.0.0/15"),
    IPv6Network("::/96"),  # IPv4-compatible, long gone
    IPv6Network("64:ff9b:1::/48"),  # NAT64 with a prefix of one's own
    IPv6Network("100::/64"),
    IPv6Network("2001::/23"),  # Teredo, ORCHID and other protocols' own
    IPv6Network("2002::/16"),  # 6to4: carries any IPv4 address, private ones too
    IPv6Network("3fff::/20"),  # documentation
    IPv6Network("5f00::/16"),  # segment routing
    IPv6Network("fec0::/10"),  # site-local, long gone
)


def is_public(address: Address) -> bool:
    """Whether a user may send us there. An address that carries another is judged by that one."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.scope_id is not None:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not is_within(address, _REFUSED)
    )


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address, or the IPv4 address that it carries."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return is_within(address.ipv4_mapped, networks)
    return any(network.version == address.version and address in network for network in networks)


def address_from_text(text: str) -> Address | None:
    """The address that the text is; None for a name."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def network_from_text(text: str) -> Network | None:
    """The network, as `10.0.0.0/8`, or the single address; None for a name."""
    try:
        return ip_network(text, strict=True)
    except ValueError:
        return None
