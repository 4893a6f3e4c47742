"""Where a user's URL may lead, as tables; and names in every spelling a resolver understands."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.errors import FetchRefused, SettingsError
from telecine_platform.fetch.addresses import is_public
from telecine_platform.fetch.connect import resolve
from telecine_platform.fetch.rules import (
    FetchRules,
    checked_addresses,
    checked_url,
    rules_from_text,
)

NO_RULES = FetchRules()
PRIVATE = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.8.8.8",
    "168.63.129.16", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1",
    "192.168.1.1", "198.18.0.1", "203.0.113.7", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1",
    "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1",
    "ff02::1",
]  # fmt: skip
PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_address_that_is_not_public_is_allowed(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_that_carries_another_is_judged_by_it(address: object) -> None:
    for carried in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert is_public(ip_address(carried)) == is_public(ip_address(str(address)))


@pytest.mark.parametrize(
    ("host", "meant"),
    [
        ("127.1", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0xa9fea9fe", "169.254.169.254"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
    ],
)
def test_other_spellings_of_an_address_are_seen_through(host: str, meant: str) -> None:
    found = asyncio.run(resolve(host, 443))
    assert found == [ip_address(meant)]
    with pytest.raises(FetchRefused, match="public address"):
        checked_addresses(host, found, NO_RULES)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "https://",
        "https:///x",
        "http://hooks.example/",
        "https://user@hooks.example/",
        "https://user:pw@hooks.example/",
        "https://hooks.example:22/",
        "https://hooks.example:80/",
        "https://hooks.example:99999/",
        "https://[::1/",
        "https://exa mple/",
        "https://hooks.example/\n",
        "https://hooks.example/" + "a" * 2_048,
    ],
)
def test_urls_that_are_refused_by_their_text(url: str) -> None:
    with pytest.raises(FetchRefused):
        checked_url(url, NO_RULES)


def test_a_refusal_names_the_host_and_keeps_the_secret() -> None:
    with pytest.raises(FetchRefused, match=r"hooks\.example") as caught:
        checked_url("https://hooks.example:22/T0/secret?token=secret#secret", NO_RULES)
    assert "secret" not in str(caught.value)


def test_one_private_address_refuses_the_whole_name() -> None:
    addresses = [ip_address("1.1.1.1"), ip_address("10.0.0.1")]
    with pytest.raises(FetchRefused):
        checked_addresses("hooks.example", addresses, NO_RULES)
    with pytest.raises(FetchRefused):
        checked_addresses("hooks.example", [], NO_RULES)
    assert checked_addresses("hooks.example", addresses[:1], NO_RULES) == addresses[:1]


def test_the_operator_can_allow_hosts_and_networks() -> None:
    rules = rules_from_text("Hooks.svc, 10.2.0.0/16,127.0.0.1")
    assert rules.hosts == {"hooks.svc"}
    assert rules.networks == (ip_network("10.2.0.0/16"), ip_network("127.0.0.1/32"))
    assert checked_url("http://hooks.svc:8080/x", rules).port == 8080
    assert checked_addresses("hooks.svc", [ip_address("10.9.9.9")], rules)
    assert checked_addresses("other", [ip_address("10.2.3.4")], rules)
    with pytest.raises(FetchRefused):
        checked_addresses("other", [ip_address("10.3.3.4")], rules)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "a b", "https://x", "127.1", "0x7f000001", "*"])
def test_an_allow_list_that_cannot_be_understood_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="fetch_allowed"):
        rules_from_text(text)
