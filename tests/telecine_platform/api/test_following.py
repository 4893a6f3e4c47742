"""Waiting for a video: the long poll and the events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.telecine_platform.api.house import House, open_house

UNHURRIED_S = 20.0
"""Longer than any of these answers may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    name: str
    id: str | None
    data: dict[str, object]


def events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line == "" and "event" in fields:
            data = json.loads(fields["data"])
            yield Event(name=fields["event"], id=fields.get("id"), data=data)
            fields = {}
        elif not line.startswith(":") and line:
            name, _, value = line.partition(": ")
            fields[name] = value


def follow(house: House, video_id: str, last_event_id: str | None = None) -> list[Event]:
    """All events until the server ends the stream."""
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    with house.client.stream("GET", f"/v1/videos/{video_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        return list(events(response.iter_lines()))


def seconds_of(call: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    started_s = time.monotonic()
    return call(), time.monotonic() - started_s


def test_a_long_poll_answers_when_the_stage_changes(house: House) -> None:
    video_id = house.submit()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.client.get, f"/v1/videos/{video_id}?wait=30", timeout=40)
        time.sleep(0.4)
        assert not waiting.done()
        house.stages.work_off()
        answer = waiting.result(timeout=UNHURRIED_S)
    assert answer.json()["status"] != "queued"  # which of the changes it saw is up to chance


def test_a_long_poll_answers_after_its_time_when_nothing_happens(house: House) -> None:
    video_id = house.submit()
    answer, took_s = seconds_of(lambda: house.client.get(f"/v1/videos/{video_id}?wait=0.5"))
    assert (answer.json()["status"], took_s >= 0.5) == ("queued", True)


def test_a_final_video_is_not_waited_for(house: House) -> None:
    video_id = house.submit_and_finish()
    _, took_s = seconds_of(lambda: house.client.get(f"/v1/videos/{video_id}?wait=60"))
    assert took_s < UNHURRIED_S


def test_a_video_that_is_deleted_meanwhile_ends_the_wait(house: House) -> None:
    video_id = house.submit()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.client.get, f"/v1/videos/{video_id}?wait=30", timeout=40)
        time.sleep(0.2)
        house.client.delete(f"/v1/videos/{video_id}")
        assert waiting.result(timeout=UNHURRIED_S).status_code == 404


def test_events_tell_the_whole_life_and_end_with_the_video(house: House) -> None:
    video_id = house.submit()
    threading.Timer(0.3, house.stages.work_off).start()

    seen = follow(house, video_id)

    stages = [event for event in seen if event.name == "stage"]
    assert [event.id for event in stages] == [str(number) for number in range(1, 8)]
    assert [event.data["stage"] for event in stages] == [
        "screening", "screening", "generation", "generation", "moderation", "moderation",
        "moderation",
    ]  # fmt: skip
    assert [event.data["status"] for event in stages][0::6] == ["queued", "completed"]
    assert [event.data["progress"] for event in seen if event.name == "progress"][-1] == 100
    assert (seen[-1].name, seen[-1].data["status"]) == ("video", "completed")


@pytest.mark.parametrize("last_seen", [0, 3, 6])
def test_events_go_on_where_the_caller_lost_them(house: House, last_seen: int) -> None:
    video_id = house.submit_and_finish()
    stages = [event for event in follow(house, video_id, str(last_seen)) if event.name == "stage"]
    assert [event.id for event in stages] == [str(n) for n in range(last_seen + 1, 8)]


def test_who_has_seen_the_last_event_is_told_to_stop(house: House) -> None:
    video_id = house.submit_and_finish()
    path = f"/v1/videos/{video_id}/events"
    assert house.client.get(path, headers={"Last-Event-ID": "7"}).status_code == 204
    answer = house.client.get(path, headers={"Last-Event-ID": "x"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "last-event-id")


def test_a_cancel_ends_the_events(house: House) -> None:
    video_id = house.submit()
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow, house, video_id)
        time.sleep(0.2)
        house.client.post(f"/v1/videos/{video_id}/cancel")
        last = following.result(timeout=UNHURRIED_S)[-1]
    assert (last.name, last.data["error"]) == (
        "video", {"code": "cancelled", "message": "The video was cancelled."},
    )  # fmt: skip


def test_a_stopping_server_answers_who_waits(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        with open_house(tmp_path) as house:
            url = f"{house.url}/v1/videos/{house.submit()}?wait=30"
            waiting = pool.submit(httpx.get, url, timeout=40, trust_env=False)
            time.sleep(0.4)
            assert not waiting.done()
        assert waiting.done()
    assert waiting.result().json()["status"] == "queued"
