from __future__ import annotations

from collections.abc import Iterator

import pytest

from telecine_platform.scheduling.price import shape_of
from tests.records import spec
from tests.telecine_platform.api.house import House, open_house


@pytest.fixture(scope="module")
def allowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(
        tmp_path_factory.mktemp("allowing"), max_step_cache=0.2, adapters="film, ink"
    ) as opened:
        yield opened


def test_request_may_ask_for_what_the_operator_allows(allowing: House) -> None:
    answer = allowing.client.post("/v1/videos", json={"prompt": "a fox", "step_cache": 0.15})

    assert answer.status_code == 200, answer.text
    assert allowing.jobs.get(answer.json()["id"], "default").spec.step_cache == 0.15
    (model,) = allowing.client.get("/v1/models").json()["data"]
    assert model["limits"]["max_step_cache"] == 0.2


def test_request_may_name_an_adapter_that_the_operator_allows(allowing: House) -> None:
    answer = allowing.client.post("/v1/videos", json={"prompt": "a fox", "adapter": "ink"})

    assert answer.status_code == 200, answer.text
    asked = allowing.jobs.get(answer.json()["id"], "default").spec
    assert (asked.adapter, asked.maker) == ("ink", "embedded+ink")
    (model,) = allowing.client.get("/v1/models").json()["data"]
    assert model["limits"]["adapters"] == ["film", "ink"]
    refused = allowing.client.post("/v1/videos", json={"prompt": "a fox", "adapter": "pen"})
    assert refused.json()["error"]["param"] == "adapter"
    assert "allowed: film, ink" in refused.json()["error"]["message"]


def test_more_is_refused_with_the_limit(allowing: House) -> None:
    answer = allowing.client.post("/v1/videos", json={"prompt": "a fox", "step_cache": 0.25})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "step_cache"
    assert "allowed: 0 to 0.2" in answer.json()["error"]["message"]


def test_cached_clips_teach_nothing_about_exact_ones() -> None:
    assert shape_of(spec()) == "64x64x17"
    assert shape_of(spec(step_cache=0.1)) == shape_of(spec(step_cache=0.2)) == "64x64x17 cached"
