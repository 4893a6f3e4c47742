"""The few calls of the HTTP API that the command line needs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx

from telecine_platform.errors import InvalidRequest, StoreUnavailable, TelecineError

POLL_S = 0.25


class Report(Protocol):
    """Told what is being waited for, and how far it is in per cent."""

    def __call__(self, message: str, percent: int = 0) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A downloaded clip."""

    id: str
    path: Path
    size_bytes: int
    took_s: float


class ClipFailed(TelecineError):
    """The job ended without a clip; the message is the server's reason."""

    code = "clip_failed"


def make_clip(
    url: str,
    api_key: str | None,
    body: dict[str, Any],  # Any: JSON
    output: Path,
    report: Report,
) -> Clip:
    """Create a video, follow it, save it to `output`.

    Raises `InvalidRequest` when the server refuses the request, `ClipFailed` when the job fails or
    is blocked, `StoreUnavailable` when the server does not answer.
    """
    _check_output(output)
    started_at = time.monotonic()
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    with httpx.Client(base_url=url, headers=headers, timeout=30, follow_redirects=True) as client:
        video = _json(client, "POST", "/v1/videos", json=body)
        while video["status"] in ("queued", "in_progress"):
            report(video["status"].replace("_", " "), video["progress"])
            time.sleep(POLL_S)
            video = _json(client, "GET", f"/v1/videos/{video['id']}")
        if video["status"] != "completed":
            error = video["error"] or {"code": "unknown", "message": "no reason was given"}
            raise ClipFailed(f"{error['message']} [{error['code']}]")
        report("downloading", 100)
        size_bytes = _save(client, f"/v1/videos/{video['id']}/content", output)
    took_s = time.monotonic() - started_at
    return Clip(
        id=video["id"], path=output.absolute(), size_bytes=size_bytes, took_s=round(took_s, 2)
    )


def ask_lookup(url: str, api_key: str | None, file: Path) -> dict[str, Any]:  # Any: JSON
    """Have a server look a clip up. Raises as `make_clip`."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    with (
        httpx.Client(base_url=url, headers=headers, timeout=180) as client,
        file.open("rb") as opened,
    ):
        return _json(client, "POST", "/v1/provenance/lookup", files={"file": opened})


def _check_output(output: Path) -> None:
    if not output.absolute().parent.is_dir():
        raise InvalidRequest(f"no folder {output.absolute().parent} to write {output.name} to")


def _json(client: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
    response = _answered(lambda: client.request(method, path, **options), client)
    document: dict[str, Any] = response.json()
    return document


def _save(client: httpx.Client, path: str, output: Path) -> int:
    """Write beside the target first, so that a broken download leaves nothing half-written."""
    content = _answered(lambda: client.get(path), client).content
    with tempfile.NamedTemporaryFile(dir=output.absolute().parent, delete=False) as file:
        file.write(content)
    os.chmod(file.name, 0o644)
    os.replace(file.name, output)
    return len(content)


def _answered(call: Callable[[], httpx.Response], client: httpx.Client) -> httpx.Response:
    try:
        response = call()
    except httpx.HTTPError as error:
        raise StoreUnavailable(
            f"{client.base_url} does not answer: {type(error).__name__}; is `telecine up` running?"
        ) from error
    if response.is_error:
        raise InvalidRequest(_reason(response))
    return response


def _reason(response: httpx.Response) -> str:
    try:
        message = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = "the answer is not Telecine's; is the URL right?"
    return f"{response.status_code} from {response.request.url.path}: {message}"
