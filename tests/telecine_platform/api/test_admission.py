"""Quotas and a full queue, as a client meets them."""

from __future__ import annotations

from pathlib import Path

from tests.rights_records import seeded
from tests.telecine_platform.api.house import open_house


def test_a_client_over_its_rate_is_told_when_to_come_back(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("default: {submits_per_minute: 2}\n")
    with open_house(tmp_path, tenants_file=file) as house:
        body = {"prompt": "a red fox"}
        answers = [house.client.post("/v1/videos", json=body) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        headers, error = answers[-1].headers, answers[-1].json()["error"]
        assert (headers["retry-after"], headers["retry-after-ms"]) == ("30", "30000")
        assert error["code"] == "rate_limit_exceeded"
        assert len(house.client.get("/v1/videos").json()["data"]) == 2


def test_a_full_queue_refuses_without_keeping_anything(tmp_path: Path) -> None:
    with open_house(tmp_path, max_wait_s=1.0) as house:
        answer = house.client.post("/v1/videos", json={"prompt": "a red fox"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) == 59  # a gang needs 60 s to start
        assert house.client.get("/v1/videos").json()["data"] == []


def test_a_client_with_too_many_refused_prompts_has_to_wait(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("default: {refusals_per_hour: 2}\n")
    with open_house(tmp_path, tenants_file=file, screening_model="none") as house:
        seeded(house.jobs.database)
        asked = ("a red fox", "zorbulon sings", "a red fox", "z0rbulon sings", "a red fox")
        answers = [house.client.post("/v1/screenings", json={"prompt": prompt}) for prompt in asked]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
        error, headers = answers[-1].json()["error"], answers[-1].headers
        assert error["code"] == "too_many_refusals"
        assert 2_400 < int(headers["retry-after"]) <= 2_496  # until 2 have faded to 1: 3600 ln 2
        create = house.client.post("/v1/videos", json={"prompt": "a red fox"})
        assert (create.status_code, create.json()["error"]["code"]) == (429, "too_many_refusals")
