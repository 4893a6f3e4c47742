"""From a job's change to a receiver's answer, and what happens when that is no 2xx."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from telecine_platform.errors import IllegalTransition, NotFound
from telecine_platform.fetch.fetcher import Fetcher
from telecine_platform.fetch.rules import rules_from_text
from telecine_platform.webhooks.deliver import Deliverer
from telecine_platform.webhooks.endpoints import OLD_SECRET_S
from telecine_platform.webhooks.records import DeliveryState
from tests.databases import open_jobs
from tests.telecine_platform.webhooks.bench import Bench, open_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    jobs = open_jobs(tmp_path)
    with open_bench(jobs, tmp_path) as opened:
        yield opened
    jobs.close()


def test_a_completed_job_is_told_once_signed_and_by_id_only(bench: Bench) -> None:
    endpoint, secret = bench.register()
    bench.finish(bench.claim("video_1"))
    (sent,) = bench.send()
    ((headers, body),) = bench.receiver.got
    event = Webhook(secret).verify(body, headers)
    assert (event["type"], event["data"]) == ("video.completed", {"id": "video_1"})
    assert headers["webhook-id"] == event["id"] == sent.id
    assert b"circle" not in body  # the prompt
    assert bench.send() == []
    ended = bench.deliveries.get(sent.id, "acme")
    assert (ended.state, ended.status_code, ended.endpoint_id) == ("delivered", 204, endpoint.id)


def test_a_failing_receiver_is_asked_again_later_with_the_same_id(bench: Bench) -> None:
    bench.register()
    bench.receiver.answers = [500, 302, 204]  # a redirect is no delivery either
    bench.finish(bench.claim("video_1"))
    for attempt, status in ((1, 500), (2, 302)):
        (sent,) = bench.send()
        waiting = bench.deliveries.get(sent.id, "acme")
        assert (waiting.state, waiting.attempt) == ("pending", attempt)
        assert waiting.problem == f"the receiver answered {status}"
        assert bench.send() == []
        bench.now = waiting.due_at
    bench.send()
    assert bench.all()[0].state is DeliveryState.DELIVERED
    assert len({headers["webhook-id"] for headers, _ in bench.receiver.got}) == 1


def test_a_delivery_that_is_given_up_can_be_replayed(bench: Bench) -> None:
    bench.register()
    bench.receiver.answers = [503]
    bench.finish(bench.claim("video_1"))
    while bench.send():
        bench.now = bench.all()[0].due_at
    (dead,) = bench.all()
    assert (dead.state, dead.attempt, dead.status_code) == ("dead", 8, 503)
    with pytest.raises(NotFound):
        bench.deliveries.replay(dead.id, "other", bench.now)
    bench.receiver.answers = [200]
    bench.deliveries.replay(dead.id, "acme", bench.now)
    with pytest.raises(IllegalTransition, match="on its way"):
        bench.deliveries.replay(dead.id, "acme", bench.now)
    bench.send()
    assert bench.all()[0].state is DeliveryState.DELIVERED
    assert bench.receiver.got[-1][0]["webhook-id"] == dead.id


def test_an_endpoint_that_is_gone_is_asked_never_again(bench: Bench) -> None:
    endpoint, _ = bench.register()
    bench.receiver.answers = [410]
    bench.finish(bench.claim("video_1"))
    bench.send()
    assert bench.all()[0].state is DeliveryState.DEAD
    assert bench.endpoints.get(endpoint.id, "acme").disabled_at == bench.now
    bench.finish(bench.claim("video_2"))
    assert len(bench.all()) == 1
    turned_on = bench.endpoints.update(
        endpoint.id, "acme", name=None, url=None, event_types=None, now=bench.now
    )
    assert turned_on.disabled_at is None


def test_a_receiver_inside_the_network_is_never_reached(bench: Bench) -> None:
    bench.allowed = ""
    bench.register()
    bench.finish(bench.claim("video_1"))
    (sent,) = bench.send()
    waiting = bench.deliveries.get(sent.id, "acme")
    assert bench.receiver.got == []
    assert (waiting.state, waiting.status_code) == ("pending", None)
    assert waiting.problem is not None
    assert "localhost" in waiting.problem
    assert "url-secret" not in waiting.problem


def test_a_callback_url_gets_the_task_when_it_runs_and_when_it_ends(bench: Bench) -> None:
    job = bench.claim("video_1", callback_url=bench.receiver.url)
    bench.send()
    bench.finish(job)
    bench.send()
    assert [body["state"] for body in bench.receiver.bodies()] == ["running", "completed"]
    assert "webhook-signature" not in bench.receiver.got[0][0]


def test_a_callback_of_a_deleted_job_is_given_up(bench: Bench) -> None:
    bench.claim("video_1", callback_url=bench.receiver.url)
    bench.jobs.delete("video_1", "acme", bench.now)
    bench.send()
    (dead,) = bench.all()
    assert (dead.state, dead.problem) == ("dead", "the job or the endpoint was deleted")
    assert bench.receiver.got == []


def test_a_rotated_secret_signs_on_for_a_day_where_it_shall(bench: Bench) -> None:
    endpoint, old = bench.register()
    _, new = bench.endpoints.rotate_secret(endpoint.id, "acme", keep_old=True, now=bench.now)
    assert bench.endpoints.receiver(endpoint.id, "acme", bench.now)[1] == [new, old]
    later = bench.now + timedelta(seconds=OLD_SECRET_S)
    assert bench.endpoints.receiver(endpoint.id, "acme", later)[1] == [new]
    _, newest = bench.endpoints.rotate_secret(endpoint.id, "acme", keep_old=False, now=bench.now)
    assert bench.endpoints.receiver(endpoint.id, "acme", bench.now)[1] == [newest]


def test_the_background_thread_delivers_and_logs_no_url(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    bench.register()
    deliverer = Deliverer(
        bench.deliveries, bench.endpoints, Fetcher(rules_from_text("localhost")), bench.callback
    )
    deliverer.start()
    try:
        bench.finish(bench.claim("video_1"))
        assert bench.receiver.arrived.wait(10)
    finally:
        deliverer.close()
    assert "url-secret" not in caplog.text
