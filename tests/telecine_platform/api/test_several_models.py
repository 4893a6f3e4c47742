"""An API that serves two models: one job store, a queue for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.clock import utc_now
from telecine_platform.records import Stage
from tests.records import verdict
from tests.telecine_platform.api.house import House, open_house

WAN = "wan2.1-t2v-1.3b"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("house"), more_models=f"{WAN}=8x2") as house:
        yield house


def test_both_are_listed_with_limits_of_their_own(house: House) -> None:
    listed = house.client.get("/v1/models").json()["data"]
    assert [model["id"] for model in listed] == ["embedded", WAN]
    assert [model["limits"]["fps"] for model in listed] == [8, 16]
    assert house.client.get(f"/v1/models/{WAN}").json() == listed[1]


def test_a_request_gets_the_model_that_it_names_or_the_first(house: House) -> None:
    ids = [house.submit(), house.submit(model=WAN, size="832x480")]
    videos = [house.client.get(f"/v1/videos/{video_id}").json() for video_id in ids]
    assert [(video["model"], video["size"]) for video in videos] == [
        ("embedded", "64x64"), (WAN, "832x480"),
    ]  # fmt: skip


def test_limits_are_the_named_models(house: House) -> None:
    body = {"prompt": "a red fox", "size": "832x480"}
    assert house.client.post("/v1/videos", json=body).status_code == 400
    assert house.client.post("/v1/videos", json=body | {"model": WAN}).status_code == 200


def test_ark_names_its_model_too(house: House) -> None:
    path = "/api/v3/contents/generations/tasks"
    content = [{"type": "text", "text": "a red fox"}]
    made = house.client.post(path, json={"model": WAN, "content": content, "resolution": "480p"})
    assert made.status_code == 200, made.text
    task = house.client.get(f"{path}/{made.json()['id']}").json()
    assert (task["model"], task["resolution"]) == (WAN, "480p")


def test_a_model_that_is_not_served_is_refused_with_those_that_are(house: House) -> None:
    answer = house.client.post("/v1/videos", json={"prompt": "a fox", "model": "wan2.2-t2v-a14b"})
    problem = answer.json()["error"]
    assert (answer.status_code, problem["code"], problem["param"]) == (
        400, "model_not_found", "model",
    )  # fmt: skip
    assert problem["message"].endswith(f"served: embedded, {WAN}")


def test_a_halted_model_stops_alone(house: House) -> None:
    order = {"kind": "model", "value": WAN, "mode": "fail", "reason": "A takedown."}
    assert house.client.post("/v1/admin/halts", json=order).is_success
    refused = house.client.post("/v1/videos", json={"prompt": "a red fox", "model": WAN})
    assert refused.status_code == 503
    house.submit()
    listed = house.client.get("/v1/models").json()["data"]
    shown = {model["id"]: model["halted"] for model in listed}
    assert shown[WAN] is not None
    assert shown["embedded"] is None


def test_each_gang_is_given_its_models_jobs(tmp_path: Path) -> None:
    with open_house(tmp_path, more_models=f"{WAN}=8x2") as house:
        ids = {model: house.submit(model=model) for model in (WAN, "embedded")}
        for _ in ids:
            job = house.jobs.claim(Stage.SCREENING, "s", 60, utc_now())
            assert job is not None
            house.jobs.hand_over(job, verdict(), utc_now())
        for model, video_id in ids.items():
            made = house.jobs.claim(Stage.GENERATION, "g", 60, utc_now(), model=model)
            assert made is not None
            assert made.id == video_id
