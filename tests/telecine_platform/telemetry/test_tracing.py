from __future__ import annotations

import pytest

from telecine_platform.telemetry.tracing import current_traceparent, set_up_tracing, span


def test_child_span_keeps_the_parents_trace() -> None:
    set_up_tracing("test", None)
    with span("request"):
        request = current_traceparent()
    assert current_traceparent() == ""
    with span("screening", request, job_id="video_1"):
        child = current_traceparent()
        with span("inner"):
            inner = current_traceparent()
    _, trace_id, span_id, _ = request.split("-")
    assert [part.split("-")[1] for part in (child, inner)] == [trace_id, trace_id]
    assert len({span_id, child.split("-")[2], inner.split("-")[2]}) == 3


def test_error_passes_through_a_span() -> None:
    with pytest.raises(KeyError), span("work"):
        raise KeyError("x")


def test_broken_parent_starts_a_new_trace() -> None:
    with span("work", "not-a-traceparent"):
        assert len(current_traceparent().split("-")[1]) == 32
