"""One trace per job, from the HTTP request through all stages to both ranks."""

from __future__ import annotations

import pytest

from tests.end_to_end.conftest import client_of
from tests.otlp_collector import OtlpCollector
from tests.running_platform import RunningPlatform

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def test_every_part_of_a_job_is_in_one_trace(
    embedded: RunningPlatform, collector: OtlpCollector
) -> None:
    prompt = "a purple triangle falls"
    video = client_of(embedded).videos.create_and_poll(
        prompt=prompt, extra_body={"num_steps": 2, "seed": 7}
    )
    spans = collector.of_job(video.id, until="moderation")
    assert len({span.trace_id for span in spans}) == 1
    ours = [span for span in spans if not span.name.startswith("fastapi.")]
    assert {(span.service, span.name) for span in ours} == {
        ("telecine-api", "POST /v1/videos"),
        ("telecine-screening", "screening"),
        ("telecine-generation", "generation"),
        ("telecine-rank-0", "rank"),
        ("telecine-rank-1", "rank"),
        ("telecine-moderation", "moderation"),
    }
    by_id = {span.span_id: span for span in spans}
    ranks = [span for span in spans if span.name == "rank"]
    assert {by_id[span.parent_id].name for span in ranks} == {"generation"}
    stages = [span for span in spans if span.name in ("screening", "generation", "moderation")]
    assert {by_id[span.parent_id].name for span in stages} == {"POST /v1/videos"}
    assert prompt not in str([span.attributes for span in spans])
