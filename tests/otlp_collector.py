"""An OTLP/HTTP collector that keeps the spans it is sent."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue


@dataclass(frozen=True)
class SeenSpan:
    """What a test wants to know of a span."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, str]


@dataclass
class OtlpCollector:
    url: str
    spans: list[SeenSpan] = field(default_factory=list)

    def of_job(self, job_id: str, until: str, timeout_s: float = 20.0) -> list[SeenSpan]:
        """The spans of the job's trace, once the one named `until` has come."""
        deadline = time.monotonic() + timeout_s
        found: list[SeenSpan] = []
        while until not in [span.name for span in found]:
            assert time.monotonic() < deadline, f"no span {until!r} among {found}"
            time.sleep(0.1)
            spans = list(self.spans)
            traces = {s.trace_id for s in spans if s.attributes.get("telecine.job_id") == job_id}
            found = [span for span in spans if span.trace_id in traces]
        return found


@contextmanager
def otlp_collector() -> Iterator[OtlpCollector]:
    """Listen on a free loopback port until the block ends."""
    collector = OtlpCollector(url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.spans.extend(_spans_from_body(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests read the spans."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield collector
    server.shutdown()
    server.server_close()


def _spans_from_body(body: bytes) -> list[SeenSpan]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        SeenSpan(
            service=next(
                a.value.string_value
                for a in resource.resource.attributes
                if a.key == "service.name"
            ),
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            attributes=_texts(span.attributes),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {item.key: item.value.string_value for item in attributes}
