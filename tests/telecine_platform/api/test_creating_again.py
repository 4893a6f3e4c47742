"""A create that comes again: by its Idempotency-Key, or folded by its content."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.telecine_platform.api.house import House, open_house


def create(house: House, prompt: str = "a red fox", key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return house.client.post("/v1/videos", json={"prompt": prompt}, headers=headers)


def num_videos(house: House) -> int:
    return len(house.client.get("/v1/videos?limit=100").json()["data"])


def test_equal_creates_at_once_are_one_video(house: House) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(house, key="k"), range(24)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert num_videos(house) == 1


def test_another_body_under_the_same_key_is_refused(house: House) -> None:
    create(house, key="k")
    answer = create(house, "a blue fox", key="k")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "idempotency_conflict")
    assert answer.headers["x-should-retry"] == "false"
    assert "fox" not in answer.text
    assert num_videos(house) == 1


def test_the_same_key_finds_the_video_when_it_has_moved_on(house: House) -> None:
    video_id = create(house, key="k").json()["id"]
    house.stages.work_off()
    answer = create(house, key="k").json()
    assert (answer["id"], answer["status"]) == (video_id, "completed")


def test_a_remix_has_keys_of_its_own_body(house: House) -> None:
    source = house.submit()

    def remix(prompt: str) -> httpx.Response:
        return house.client.post(
            f"/v1/videos/{source}/remix", json={"prompt": prompt}, headers={"Idempotency-Key": "k"}
        )

    assert remix("a blue fox").json()["id"] == remix("a blue fox").json()["id"] != source
    assert remix("a green fox").status_code == 409


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_cannot_be_one_is_refused(house: House, key: str) -> None:
    answer = create(house, key=key)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "Idempotency-Key"


def test_without_a_key_each_create_is_its_own(house: House) -> None:
    assert create(house).json()["id"] != create(house).json()["id"]


def test_equal_creates_are_folded_where_the_operator_wants_it(tmp_path: Path) -> None:
    with open_house(tmp_path, fold_window_s=60) as house:
        first = create(house).json()["id"]
        assert create(house).json()["id"] == first
        assert create(house, "a blue fox").json()["id"] != first
        assert create(house, key="k").json()["id"] != first
