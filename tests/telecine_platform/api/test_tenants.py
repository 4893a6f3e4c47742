"""Keys and tenants: who may ask, and what one tenant learns of another (nothing)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine_platform.auth import digest_from_key, load_api_keys
from telecine_platform.errors import SettingsError, Unauthenticated
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


def test_another_tenants_video_looks_like_one_that_never_was(guarded: House) -> None:
    created = guarded.client.post("/v1/videos", json={"prompt": "a red fox"}, headers=A)
    video_id = created.json()["id"]
    unknown_id = "video_" + "0" * 32

    for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/content")):
        foreign = guarded.client.request(method, f"/v1/videos/{video_id}{suffix}", headers=B)
        unknown = guarded.client.request(method, f"/v1/videos/{unknown_id}{suffix}", headers=B)
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert foreign.text.replace(video_id, unknown_id) == unknown.text

    assert guarded.client.get("/v1/videos", headers=B).json()["data"] == []
    assert guarded.client.get(f"/v1/videos/{video_id}", headers=A).status_code == 200


def test_without_a_keys_file_everybody_is_the_default_tenant() -> None:
    assert load_api_keys(None).tenant_from_header("Bearer whatever") == "default"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "- a",
        "a: [secret-key-itself",
        "a: []",
        "a: secret-key-itself",
        "a: [secret-key-itself]",
        "a: [123]",
        "a b: ['" + "0" * 64 + "']",
        "a: ['" + "0" * 64 + "']\nb: ['" + "0" * 64 + "']",
    ],
)
def test_a_broken_keys_file_stops_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"keys\.yaml") as caught:
        load_api_keys(file)
    assert "secret-key-itself" not in str(caught.value)


def test_a_missing_keys_file_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_api_keys(tmp_path / "none.yaml")


def test_an_unknown_key_is_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(f"a: [{digest_from_key('right')}]")
    with pytest.raises(Unauthenticated) as caught:
        load_api_keys(file).tenant_from_header("Bearer wrong-key")
    assert "wrong-key" not in str(caught.value)


def scopes_of(tmp_path: Path, document: object) -> list[str]:
    file = tmp_path / "keys.yaml"
    file.write_text(json.dumps(document))
    return sorted(load_api_keys(file).caller_from_header("Bearer k").scopes)


def test_keys_have_the_scopes_of_their_group(tmp_path: Path) -> None:
    digest = digest_from_key("k")
    assert scopes_of(tmp_path, {"a": [digest]}) == ["read", "submit"]
    assert scopes_of(tmp_path, {"a": {"keys": [digest]}}) == ["read", "submit"]
    assert scopes_of(tmp_path, {"a": {"keys": [digest], "scopes": ["rights"]}}) == ["rights"]
    other = {"keys": ["0" * 64], "scopes": ["admin"]}
    groups = [other, {"keys": [digest], "scopes": ["review"]}]
    assert scopes_of(tmp_path, {"a": groups}) == ["review"]
    assert len(load_api_keys(None).caller_from_header(None).scopes) == 5


@pytest.mark.parametrize(
    "group",
    [
        {"keys": [], "scopes": ["read"]},
        {"keys": ["0" * 64], "scopes": []},
        {"keys": ["0" * 64], "scopes": ["root"]},
        {"keys": ["0" * 64], "scope": ["read"]},
        {"scopes": ["read"]},
    ],
)
def test_a_broken_group_of_keys_stops_the_start(tmp_path: Path, group: object) -> None:
    with pytest.raises(SettingsError, match=r"keys\.yaml"):
        scopes_of(tmp_path, {"a": group})
