"""Each wrong request has a status, a code and the name of the field to change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.telecine_platform.api.house import House, open_house

UNKNOWN_ID = "video_" + "0" * 32
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
BOUNDARY = {"content-type": "multipart/form-data; boundary=b"}
PART = b'--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder: Path = tmp_path_factory.mktemp("shared")
    with open_house(folder, max_prompt_chars=200, max_body_bytes=50_000) as opened:
        yield opened


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"promt": "x", "prompt": "a"}, "unknown_parameter", "promt"),
        ({"prompt": "a", "\ud800": 1}, "invalid_text", None),
        ({}, "missing_required_parameter", "prompt"),
        ({"prompt": None}, "invalid_type", "prompt"),
        ({"prompt": 5}, "invalid_type", "prompt"),
        ({"prompt": ["a"]}, "invalid_type", "prompt"),
        ({"prompt": ""}, "empty_string", "prompt"),
        ({"prompt": " \t\n"}, "empty_string", "prompt"),
        ({"prompt": "\x01\x7f\u200b\u2028"}, "empty_string", "prompt"),
        ({"prompt": "a" * 201}, "string_above_max_length", "prompt"),
        ({"prompt": "a\0b"}, "invalid_text", "prompt"),
        ({"prompt": "a\ud800b"}, "invalid_text", "prompt"),
        ({"prompt": "a", "negative_prompt": "b\0"}, "invalid_text", "negative_prompt"),
        (
            {"prompt": "a", "negative_prompt": "b" * 201},
            "string_above_max_length",
            "negative_prompt",
        ),
        ({"prompt": "a", "model": "sora-2"}, "model_not_found", "model"),
        ({"prompt": "a", "model": 3}, "invalid_type", "model"),
        ({"prompt": "a", "size": "1920x1080"}, "invalid_value", "size"),
        ({"prompt": "a", "size": "64"}, "invalid_value", "size"),
        ({"prompt": "a", "size": "\ud800"}, "invalid_value", "size"),
        ({"prompt": "a", "model": "\ud800"}, "model_not_found", "model"),
        ({"prompt": "a", "seconds": 10**4000}, "invalid_value", "seconds"),
        ({"prompt": "a", "size": 64}, "invalid_type", "size"),
        ({"prompt": "a", "seconds": "8"}, "invalid_value", "seconds"),
        ({"prompt": "a", "seconds": "-1"}, "invalid_value", "seconds"),
        ({"prompt": "a", "seconds": "two"}, "invalid_type", "seconds"),
        ({"prompt": "a", "seconds": 2.5}, "invalid_type", "seconds"),
        ({"prompt": "a", "seconds": True}, "invalid_type", "seconds"),
        ({"prompt": "a", "seconds": [2]}, "invalid_type", "seconds"),
        ({"prompt": "a", "seed": -1}, "invalid_value", "seed"),
        ({"prompt": "a", "seed": 2**63}, "invalid_value", "seed"),
        ({"prompt": "a", "seed": "x"}, "invalid_type", "seed"),
        ({"prompt": "a", "num_steps": 0}, "invalid_value", "num_steps"),
        ({"prompt": "a", "num_steps": 101}, "invalid_value", "num_steps"),
        ({"prompt": "a", "guidance_scale": 0.5}, "invalid_value", "guidance_scale"),
        ({"prompt": "a", "guidance_scale": "much"}, "invalid_type", "guidance_scale"),
        ({"prompt": "a", "step_cache": 0.1}, "invalid_value", "step_cache"),
        ({"prompt": "a", "step_cache": "much"}, "invalid_type", "step_cache"),
        ({"prompt": "a", "input_reference": "x"}, "invalid_type", "input_reference"),
    ],
)
def test_wrong_field_is_named(
    shared: House, fields: dict[str, object], code: str, param: str | None
) -> None:
    body = json.dumps(fields)  # ASCII: httpx's own JSON cannot write a lone surrogate
    check(shared.client.post("/v1/videos", content=body, headers=JSON), 400, code, param)


@pytest.mark.parametrize(
    ("headers", "body", "code", "param"),
    [
        (JSON, b'{"prompt": "a"', "invalid_json", None),
        (JSON, b"", "invalid_json", None),
        (JSON, b"[1]", "invalid_json", None),
        (JSON, b'{"prompt": NaN}', "invalid_json", None),
        (JSON, b"[" * 20_000, "invalid_json", None),
        (JSON, b'{"seed": ' + b"9" * 5_000 + b"}", "invalid_json", None),
        (JSON, b'{"prompt": "\xff"}', "invalid_encoding", None),
        (JSON, b'{"prompt": "a", "prompt": "b"}', "duplicate_parameter", "prompt"),
        (FORM, b"prompt=%ff", "invalid_encoding", None),
        (FORM, b"prompt=\xff", "invalid_encoding", None),
        (FORM, b"prompt=a&prompt=b", "duplicate_parameter", "prompt"),
        (FORM, b"prompt", "invalid_form", None),
        (FORM, b"&".join(b"a%d=1" % number for number in range(65)), "invalid_form", None),
        (FORM, b"", "missing_required_parameter", "prompt"),
        (BOUNDARY, PART + b"\xff\r\n--b--\r\n", "invalid_encoding", "prompt"),
        (BOUNDARY, PART + b"a\r\n" + PART + b"b\r\n--b--\r\n", "duplicate_parameter", "prompt"),
        (BOUNDARY, PART + b"a", "invalid_form", None),
        (BOUNDARY, PART * 3, "invalid_form", None),
        (BOUNDARY, b"nonsense", "invalid_form", None),
        (BOUNDARY, b"--b--\r\n", "missing_required_parameter", "prompt"),
        ({"content-type": "multipart/form-data"}, PART, "invalid_form", None),
        ({"content-type": "text/plain"}, b"a red fox", "unsupported_content_type", None),
        ({}, b"a red fox", "unsupported_content_type", None),
    ],
)
def test_unreadable_body_is_refused(
    shared: House, headers: dict[str, str], body: bytes, code: str, param: str | None
) -> None:
    check(shared.client.post("/v1/videos", content=body, headers=headers), 400, code, param)


def test_a_prompt_sent_as_a_file_is_refused(shared: House) -> None:
    response = shared.client.post("/v1/videos", files={"prompt": ("p.txt", b"a red fox")})
    check(response, 400, "invalid_type", "prompt")


def test_an_oversized_body_is_refused_by_its_length(shared: House) -> None:
    response = shared.client.post("/v1/videos", json={"prompt": "a" * 60_000})
    check(response, 413, "body_too_large", None)


def test_an_oversized_body_is_refused_while_it_streams_in(shared: House) -> None:
    chunks = iter([b"a" * 10_000] * 6)
    response = shared.client.post("/v1/videos", content=chunks, headers=JSON)
    check(response, 413, "body_too_large", None)


@pytest.mark.parametrize(
    ("method", "path", "status", "code", "param"),
    [
        ("GET", f"/v1/videos/{UNKNOWN_ID}", 404, "not_found", None),
        ("GET", "/v1/videos/nonsense", 404, "not_found", None),
        ("GET", "/v1/videos/a%00b", 404, "not_found", None),
        ("GET", "/v1/videos/%ff", 404, "not_found", None),
        ("DELETE", f"/v1/videos/{UNKNOWN_ID}", 404, "not_found", None),
        ("GET", f"/v1/videos/{UNKNOWN_ID}/content", 404, "not_found", None),
        ("GET", f"/v1/videos/{UNKNOWN_ID}/content?variant=gif", 400, "invalid_value", "variant"),
        ("GET", "/v1/videos?limit=0", 400, "invalid_value", "limit"),
        ("GET", "/v1/videos?limit=101", 400, "invalid_value", "limit"),
        ("GET", "/v1/videos?limit=many", 400, "invalid_type", "limit"),
        ("GET", "/v1/videos?order=up", 400, "invalid_value", "order"),
        ("GET", "/v1/videos?after=x'", 400, "invalid_value", "after"),
        ("GET", "/v1/videos?page=2", 400, "unknown_parameter", "page"),
        ("GET", f"/v1/videos/{UNKNOWN_ID}?wait=61", 400, "invalid_value", "wait"),
        ("GET", f"/v1/videos/{UNKNOWN_ID}?wait=nan", 400, "invalid_value", "wait"),
        ("GET", f"/v1/videos/{UNKNOWN_ID}/events", 404, "not_found", None),
        ("POST", f"/v1/videos/{UNKNOWN_ID}/cancel", 404, "not_found", None),
        ("POST", "/v1/videos/edits", 400, "unsupported_operation", "video"),
        ("POST", "/v1/videos/extensions", 400, "unsupported_operation", "video"),
        ("POST", "/v1/videos/characters", 400, "unsupported_operation", "video"),
        ("GET", "/v1/videos/characters/char_1", 404, "not_found", None),
        ("POST", f"/v1/videos/{UNKNOWN_ID}/nothing", 404, "unknown_route", None),
        ("GET", "/nowhere", 404, "unknown_route", None),
        ("GET", "/v1/videos/", 404, "unknown_route", None),
        ("PUT", "/v1/videos", 405, "method_not_allowed", None),
        ("GET", "/v1/models/sora-2", 404, "not_found", None),
    ],
)
def test_wrong_path_or_query_is_explained(
    shared: House, method: str, path: str, status: int, code: str, param: str | None
) -> None:
    check(shared.client.request(method, path), status, code, param)


def test_405_says_what_is_allowed(shared: House) -> None:
    assert shared.client.put("/v1/videos").headers["allow"]


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({"size": "1x1"}, "64x64, 96x64, 64x96, 128x128"),
        ({"seconds": "9"}, "1, 2, 4"),
        ({"model": "sora-2"}, "embedded"),
        ({"num_steps": 1000}, "1 to 100"),
    ],
)
def test_a_refused_value_lists_the_allowed_ones(
    shared: House, fields: dict[str, object], allowed: str
) -> None:
    response = shared.client.post("/v1/videos", json={"prompt": "a", **fields})
    assert response.json()["error"]["message"].endswith(allowed)


def check(response: httpx.Response, status: int, code: str, param: str | None) -> None:
    assert response.status_code == status, response.text
    assert response.headers["x-request-id"].startswith("req_")
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["param"], error["type"]) == (code, param, "invalid_request_error")
    assert error["message"]
