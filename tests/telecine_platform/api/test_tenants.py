"""Keys and tenants: who may ask, and what one tenant learns of another (nothing)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from telecine_platform.access.callers import PLAIN_SCOPES
from telecine_platform.access.keys import digest_from_key
from telecine_platform.access.keys_edit import add_key, rotate_key
from telecine_platform.clock import utc_now
from tests.telecine_platform.api.house import House, open_house

A = {"authorization": "Bearer key-of-a"}
B = {"authorization": "bearer key-of-b"}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[House]:
    file = tmp_path / "keys.yaml"
    keys = {"a": [digest_from_key("key-of-a")], "b": [digest_from_key("key-of-b").upper()]}
    file.write_text(json.dumps(keys))
    with open_house(tmp_path, api_keys_file=file) as opened:
        yield opened


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "key-of-a"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer key-of-c"},
        {"authorization": "Basic key-of-a"},
        {"authorization": "Bearer kéy".encode("latin-1")},
    ],
)
def test_without_a_known_key_the_answer_is_401(
    guarded: House, headers: dict[str, str | bytes]
) -> None:
    for method, path in (("POST", "/v1/videos"), ("GET", "/v1/videos"), ("GET", "/v1/models")):
        response = guarded.client.request(method, path, headers=headers)  # type: ignore[arg-type]
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json"])
def test_operations_need_no_key(guarded: House, path: str) -> None:
    assert guarded.client.get(path).status_code == 200


CLAIM = "claim_" + "0" * 20
OF_ONE_VIDEO = [
    ("GET", "/v1/videos/{id}"),
    ("GET", "/v1/videos/{id}?wait=1"),
    ("DELETE", "/v1/videos/{id}"),
    ("POST", "/v1/videos/{id}/cancel"),
    ("POST", "/v1/videos/{id}/remix"),
    ("GET", "/v1/videos/{id}/events"),
    ("GET", "/v1/videos/{id}/content"),
    ("GET", "/v1/videos/{id}/content?variant=thumbnail"),
    ("GET", "/api/v3/contents/generations/tasks/{id}"),
    ("DELETE", "/api/v3/contents/generations/tasks/{id}"),
    ("POST", f"/v1/takedowns/withdrawals/{CLAIM}/{{id}}/counter"),
]
BODIES = {
    "remix": {"prompt": "a blue fox"},
    "counter": {"text": "It is mine.", "is_in_good_faith": True},
}
"""By the last word of the path."""


@pytest.mark.parametrize(("method", "path"), OF_ONE_VIDEO)
def test_another_tenants_video_looks_like_one_that_never_was(
    guarded: House, method: str, path: str
) -> None:
    created = guarded.client.post("/v1/videos", json={"prompt": "a red fox"}, headers=A)
    video_id = created.json()["id"]
    unknown_id = "video_" + "0" * 32
    body = BODIES.get(path.rpartition("/")[2])

    answers = [
        guarded.client.request(method, path.format(id=one), headers=B, json=body)
        for one in (video_id, unknown_id)
    ]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].text.replace(video_id, unknown_id) == answers[1].text
    assert guarded.client.get(f"/v1/videos/{video_id}", headers=A).json()["status"] == "queued"


def test_the_table_has_every_route_with_a_video_in_its_path(guarded: House) -> None:
    described = guarded.client.get("/openapi.json").json()["paths"]
    routes = {
        (method.upper(), re.sub(r"{(video|task)_id}", "{id}", path.replace("{claim_id}", CLAIM)))
        for path, item in described.items()
        for method in item
        if "{video_id}" in path or "{task_id}" in path
    }
    # Reviewers, administrators and claimants have scopes of their own.
    others = ("/v1/reviews", "/v1/admin", "/v1/takedowns/claims")
    reviewers = {route for route in routes if route[1].startswith(others)}
    assert {(method, path.split("?")[0]) for method, path in OF_ONE_VIDEO} == routes - reviewers


def test_lists_show_only_ones_own(guarded: House) -> None:
    created = guarded.client.post("/v1/videos", json={"prompt": "a red fox"}, headers=A)
    video_id = created.json()["id"]
    tasks = "/api/v3/contents/generations/tasks"
    assert guarded.client.get("/v1/videos", headers=B).json()["data"] == []
    assert guarded.client.get(f"/v1/videos?after={video_id}", headers=B).json()["data"] == []
    for query in ("", f"?filter.task_ids={video_id}"):
        assert guarded.client.get(tasks + query, headers=B).json() == {"total": 0, "items": []}
    assert guarded.client.get(tasks, headers=A).json()["total"] == 1


@pytest.mark.parametrize("path", ["/v1/admin/halts", "/v1/admin/quarantine", "/v1/reviews"])
def test_a_plain_key_opens_no_administration(guarded: House, path: str) -> None:
    assert guarded.client.get(path, headers=A).status_code == 403


def test_a_running_api_takes_a_rotated_key(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    old, key = add_key(file, tenant_id="a", scopes=PLAIN_SCOPES, name="", expires_at=None)
    with open_house(tmp_path, api_keys_file=file) as house:

        def status(text: str) -> int:
            headers = {"authorization": f"Bearer {text}"}
            return house.client.get("/v1/videos", headers=headers).status_code

        assert status(old) == 200
        new, _ = rotate_key(file, key.label, keep=timedelta(0), now=utc_now())
        deadline_s = time.monotonic() + 10
        while status(new) != 200 and time.monotonic() < deadline_s:
            time.sleep(0.05)
        assert (status(new), status(old)) == (200, 401)
