"""The fetcher against real servers: redirects, rebinding, slowness, size, certificates."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telecine_platform.errors import FetchFailed, FetchRefused
from telecine_platform.fetch import rules as rules_module
from telecine_platform.fetch.addresses import Address
from telecine_platform.fetch.fetcher import Fetched, Fetcher, FetchRequest
from telecine_platform.fetch.rules import FetchRules

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
HERE = ip_address("127.0.0.1")
OPEN = FetchRules(hosts=frozenset({"hooks.test"}))


class Names:
    """A resolver that the test writes, and what it was asked."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = {name.replace("_", "."): value for name, value in addresses.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> list[Address]:
        self.asked.append(host)
        if host not in self.addresses:
            raise OSError("no such name")
        return [ip_address(text) for text in self.addresses[host].split()]


@asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on a free port that reads one request's head and body, and lets `answer` reply."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = [line for line in head.split(b"\r\n") if line.startswith(b"content-length")]
            body = await reader.readexactly(int(length[0].split(b":")[1])) if length else b""
            await answer(head + body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def replying(*lines: str, body: bytes = b"") -> Answer:
    async def answer(_request: bytes, writer: asyncio.StreamWriter) -> None:
        head = "\r\n".join(("HTTP/1.1 " + lines[0], *lines[1:], f"content-length: {len(body)}"))
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


def fetch(
    answer: Answer,
    *,
    names: Names | None = None,
    rules: FetchRules = OPEN,
    body: bytes | None = None,
    timeout_s: float = 5.0,
    content_types: frozenset[str] = frozenset(),
) -> Fetched:
    """Serve `answer` as http://hooks.test and ask it once."""

    async def run() -> Fetched:
        async with serving(answer) as port:
            request = FetchRequest(
                url=f"http://hooks.test:{port}/path?token=secret",
                body=body,
                max_bytes=1_000,
                timeout_s=timeout_s,
                content_types=content_types,
            )
            fetcher = Fetcher(rules, names or Names(hooks_test="127.0.0.1"))
            return await fetcher.fetch(request)

    return asyncio.run(run())


def test_a_good_answer_comes_back_whole() -> None:
    found = fetch(replying("200 OK", "content-type: image/png; q=1", body=b"x" * 1_000))
    assert found == Fetched(status=200, content_type="image/png", body=b"x" * 1_000)


def test_a_post_sends_its_body_and_gets_a_status() -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        await replying("204 No Content")(request, writer)

    assert fetch(answer, body=b'{"a": 1}').status == 204
    assert seen[0].startswith(b"POST /path?token=secret HTTP/1.1")
    assert seen[0].endswith(b'{"a": 1}')


@pytest.mark.parametrize(
    "location",
    [
        "https://inside.test/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://0x7f.1/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//inside.test:22/",
        "https://[oops/",
    ],
)
def test_a_redirect_into_the_inside_is_refused(location: str) -> None:
    names = Names(
        hooks_test="127.0.0.1", inside_test="10.0.0.7", **{"0x7f_1": "127.0.0.1"},
        **{"10_0_0_1": "10.0.0.1", "::1": "::1"},
    )  # fmt: skip
    with pytest.raises(FetchRefused) as caught:
        fetch(replying("302 Found", f"location: {location}"), names=names)
    assert "secret" not in str(caught.value)


def test_a_good_redirect_is_followed_but_not_for_ever() -> None:
    num_asked = 0

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal num_asked
        num_asked += 1
        is_end = b"GET /end" in request
        reply = replying("200 OK", body=b"end") if is_end else replying("301 x", "location: /end")
        await reply(request, writer)

    assert fetch(answer).body == b"end"
    assert num_asked == 2
    with pytest.raises(FetchRefused, match="redirects more than 3 times"):
        fetch(replying("302 Found", "location: /again"))


def test_a_post_is_never_redirected() -> None:
    assert fetch(replying("307 x", "location: /again"), body=b"{}").status == 307


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (replying("200 OK", body=b"x" * 1_001), FetchRefused, "more than 1000 bytes"),
        (
            replying("200 OK", "content-encoding: gzip", body=gzip.compress(bytes(9_000_000))),
            FetchRefused,
            "compressed",
        ),
        (replying("200 OK", "content-type: text/html"), FetchRefused, "'text/html'"),
        (replying("nonsense"), FetchFailed, "broke off"),
    ],
)
def test_an_answer_that_is_not_wanted_is_refused(
    reply: Answer, error: type[Exception], said: str
) -> None:
    types = frozenset({"image/png"}) if said == "'text/html'" else frozenset()
    with pytest.raises(error, match=said) as caught:
        fetch(reply, content_types=types)
    assert "secret" not in str(caught.value)


def dripping(first: bytes) -> Answer:
    """One byte every now and then, for ever: no single read is slow."""

    async def answer(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.01)

    return answer


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 OK\r\nx: ", b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n"],
)
def test_a_slow_drip_ends_at_the_time_limit(first: bytes) -> None:
    with pytest.raises(FetchFailed, match=r"hooks\.test took longer than 0\.3 s"):
        fetch(dripping(first), timeout_s=0.3)


def test_a_slow_resolver_ends_at_the_time_limit() -> None:
    async def never(_host: str, _port: int) -> list[Address]:
        await asyncio.sleep(60)
        return []

    request = FetchRequest(url="https://hooks.test/", timeout_s=0.1)
    with pytest.raises(FetchFailed, match="took longer"):
        asyncio.run(Fetcher(FetchRules(), never).fetch(request))


@pytest.mark.parametrize("names", [Names(), Names(hooks_test="127.0.0.2")])
def test_a_host_that_is_not_there_cannot_be_reached(names: Names) -> None:
    request = FetchRequest(url="http://hooks.test:1/")
    with pytest.raises(FetchFailed, match=r"hooks\.test cannot be reached"):
        asyncio.run(Fetcher(OPEN, names).fetch(request))


def authority(tmp_path: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for `name`, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = tmp_path / "certificate.pem", tmp_path / "key.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem, key_pem)
    return server, ssl.create_default_context(cafile=str(pem))


def test_the_address_that_was_checked_is_the_one_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: the name means another address at every look-up, so there must be only one."""
    server_tls, client_tls = authority(tmp_path, "hooks.test")

    class Rebinding(Names):
        async def __call__(self, host: str, port: int) -> list[Address]:
            self.asked.append(host)
            return [HERE if len(self.asked) == 1 else ip_address("10.0.0.1")]

    names = Rebinding()
    rules = FetchRules(networks=(ip_network("127.0.0.1"),))

    async def run() -> Fetched:
        async with serving(replying("200 OK", body=b"ok"), server_tls) as port:
            monkeypatch.setattr(rules_module, "PORTS", frozenset({port}))
            fetcher = Fetcher(rules, names, client_tls)
            request = FetchRequest(url=f"https://hooks.test:{port}/", max_bytes=10)
            found = await fetcher.fetch(request)
            with pytest.raises(FetchRefused, match="public address"):
                await fetcher.fetch(request)
            return found

    assert asyncio.run(run()).body == b"ok"
    assert names.asked == ["hooks.test", "hooks.test"]


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server_tls, client_tls = authority(tmp_path, "other.test")

    async def run() -> None:
        async with serving(replying("200 OK"), server_tls) as port:
            fetcher = Fetcher(OPEN, Names(hooks_test="127.0.0.1"), client_tls)
            await fetcher.fetch(FetchRequest(url=f"https://hooks.test:{port}/"))

    with pytest.raises(FetchFailed, match="cannot be reached"):
        asyncio.run(run())
