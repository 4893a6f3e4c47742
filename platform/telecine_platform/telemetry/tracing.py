"""One trace per job, from the HTTP request to the ranks.

The request's span is stored on the job as a W3C `traceparent`; each stage and each rank opens its
own span below it. Without an OTLP endpoint nothing leaves the process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()


def set_up_tracing(service: str, otlp_endpoint: str | None) -> None:
    """Export this process's spans to `otlp_endpoint` (OTLP over HTTP); None sends nothing.

    Call once, in main or a replica's constructor.
    """
    resource = Resource.create({"service.name": f"telecine-{service}", "process.pid": os.getpid()})
    provider = TracerProvider(resource=resource)
    if otlp_endpoint is not None:
        exporter = OTLPSpanExporter(endpoint=otlp_endpoint, timeout=5)
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)


def flush_traces(timeout_s: float = 5.0) -> None:
    """Send what is waiting; a process that is about to end calls this."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush(int(timeout_s * 1000))


@contextmanager
def span(name: str, parent: str = "", **attributes: str | int | float) -> Iterator[None]:
    """Time a piece of work under the trace that `parent` (a traceparent) belongs to.

    Without a parent, the current span is the parent. An exception is recorded and passes through.
    """
    context = _PROPAGATOR.extract({"traceparent": parent}) if parent else None
    named = {f"telecine.{key}": value for key, value in attributes.items()}
    tracer = trace.get_tracer("telecine")
    # Exception texts may quote a caller's input: only their class is recorded.
    with tracer.start_as_current_span(
        name,
        context=context,
        attributes=named,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield
        except Exception as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def current_traceparent() -> str:
    """The current span as a W3C `traceparent`; empty outside any span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent", "")
