"""A real S3 server for tests: moto's, behind a gate that does what moto leaves out.

moto checks no presigned signature, no expiry and no body hash, and its conditional writes are not
atomic. The gate recomputes every signature with botocore (`tests/s3_signature.py`), refuses damaged
bodies, and lets requests through one at a time. It listens on a free loopback port, so that other
processes can use it as well; boto3's own client in those reads `S3Server.environ()`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.s3_signature import Refusal, check_signature

Fault = Callable[[str, str], int | None]
"""Called with method and raw URL path; a returned HTTP status is answered instead of the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server:
    """Where the server listens and what opens it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    gate: Gate

    def environ(self) -> dict[str, str]:
        """The variables that let Telecine in another process use this server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TELECINE_S3_ENDPOINT_URL": self.endpoint_url,
        }

    def fill(self, keys: Iterable[str]) -> None:
        """Put empty blobs straight into moto: a thousand requests would take seconds."""
        backend = next(iter(get_backend("s3")[DEFAULT_ACCOUNT_ID].values()))
        for key in keys:
            backend.put_object(self.bucket, key, b"")

    def client(self) -> Any:
        """A plain boto3 client with the right keys, to look behind Telecine's back."""
        return boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
        )


@dataclass(kw_only=True)
class Gate:
    """The WSGI application in front of moto."""

    access_key: str
    secret_key: str
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """The server's clock: turn it forward to see a URL expire."""
    fault: Fault = field(default=lambda _method, _path: None)
    ignored_header: str | None = None
    """A request header that the server overlooks, as lesser S3 services do."""
    lose_answer_of: str | None = None
    """The next request with this method is carried out, but answered with 500."""
    requests: list[str] = field(default_factory=list)
    """`GET /bucket/key?query` of every request, in order, signatures included."""
    _moto: Any = field(
        default_factory=lambda: DomainDispatcherApplication(create_backend_app)  # type: ignore[no-untyped-call, unused-ignore]
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        method, path = environ["REQUEST_METHOD"], environ["RAW_URI"]
        self.requests.append(f"{method} {path}")
        status = self.fault(method, path)
        try:
            if status is not None:
                raise Refusal(status, "TestFault")
            secrets = {self.access_key: self.secret_key}
            check_signature(environ, body, secrets=secrets, now=self.now())
            _check_checksum(environ, body)
        except Refusal as refusal:
            return _refused(refusal, method, start_response)
        if self.ignored_header:
            environ.pop(f"HTTP_{self.ignored_header.upper().replace('-', '_')}", None)
            if "checksum" in self.ignored_header:
                environ.pop("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", None)
        with self._lock:
            if self.lose_answer_of == method:
                self.lose_answer_of = None
                list(self._moto(environ, lambda *_: None))
                return _refused(Refusal(500, "TestFault"), method, start_response)
            return list(self._moto(environ, start_response))


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server with one empty bucket until the block ends."""
    gate = Gate(access_key="AKIATELECINETEST", secret_key=uuid.uuid4().hex)
    http = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=_QuietHandler)
    thread = threading.Thread(target=http.serve_forever, name="s3-server", daemon=True)
    thread.start()
    server = S3Server(
        endpoint_url=f"http://127.0.0.1:{http.server_port}",
        access_key=gate.access_key,
        secret_key=gate.secret_key,
        bucket=f"telecine-{uuid.uuid4().hex[:12]}",
        gate=gate,
    )
    client = server.client()
    try:
        client.create_bucket(Bucket=server.bucket)
        yield server
    finally:
        client.close()
        http.shutdown()
        thread.join()
        http.server_close()
        for account in get_backend("s3").values():
            for backend in account.values():
                backend.buckets.pop(server.bucket, None)


class _QuietHandler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """No access log in the test output."""


def _check_checksum(environ: dict[str, Any], body: bytes) -> None:
    claimed = environ.get("HTTP_X_AMZ_CHECKSUM_SHA256")
    if claimed and claimed != base64.b64encode(hashlib.sha256(body).digest()).decode():
        raise Refusal(400, "BadDigest")


def _refused(refusal: Refusal, method: str, start_response: Any) -> Iterable[bytes]:
    text = f"<Error><Code>{refusal.code}</Code><Message>{refusal.code}</Message></Error>".encode()
    body = b"" if method == "HEAD" else text
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    start_response(f"{refusal.status} Refused", headers)
    return [body]
