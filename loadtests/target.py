"""What is asked of the server under load: the OpenAI Videos API, and its figures.

Invariant: no call here is repeated, except a submission that never left this machine. A request
that may have reached the server could make a second job, and the driver would then count its own
doing as the server's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, ConfigDict, ValidationError

from loadtests.arrivals import Arrival
from loadtests.results import JobStatus, ServerJob, StageTotals

REQUEST_TIMEOUT_S = 30.0
POLL_S = 0.5
"""Where the server does not say when to ask again."""
MIN_POLL_S, MAX_POLL_S = 0.01, 30.0
"""What we make of a server's wish at most."""
PAGE_SIZE = 100
MAX_PAGES = 1_000
"""A listing that is longer does not end: the server repeats itself."""

_STATUSES = {
    "completed": JobStatus.COMPLETED,
    "failed": JobStatus.FAILED,
    "cancelled": JobStatus.FAILED,
}
_GANGS = {
    "telecine_jobs_running": "num_busy",
    "telecine_workers_idle": "num_idle",
    "telecine_jobs_queued": "num_queued",
}
_FIGURES = ("telecine_stage_jobs", "telecine_stage_wait_seconds", "telecine_stage_work_seconds")


class TargetError(Exception):
    """The server does not answer as it must for a run to be measured."""


class NotSent(Exception):
    """No connection came about: the server knows nothing of the request."""


class Unanswered(Exception):
    """The request went out and no answer came: the server may or may not have a job."""


class Refused(Exception):
    """The server said no; `code` is its reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A job as it was seen once."""

    status: JobStatus
    wait_s: float = POLL_S
    """How long to wait before the next look."""
    error_code: str = ""
    inference_time_s: float | None = None
    """None: the server does not say."""
    video_s: float | None = None
    """None: as above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GangsSeen:
    """Generation at one moment."""

    num_busy: int
    num_idle: int
    num_queued: int


class _ErrorBody(BaseModel):
    # Unknown fields are allowed: the answers belong to the server, which may be a newer one.
    model_config = ConfigDict(extra="ignore", frozen=True)

    code: str | None = None


class _ProblemBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    error: _ErrorBody


class _VideoBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    status: str
    created_at: float
    prompt: str | None = None
    seed: int | None = None
    seconds: float | None = None
    error: _ErrorBody | None = None
    inference_time_s: float | None = None


class _ListBody(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: list[_VideoBody]
    has_more: bool


Body = TypeVar("Body", bound=BaseModel)


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine and to nothing else."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_client(url: str, api_key: str | None) -> httpx.AsyncClient:
    """Connect without a limit on connections: a full pool would close the open loop."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        timeout=httpx.Timeout(REQUEST_TIMEOUT_S, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=100),
        trust_env=False,  # a proxy from the environment would be measured too
    )


async def submit(client: httpx.AsyncClient, arrival: Arrival) -> str:
    """Ask for the job, return its id. Raises `NotSent`, `Unanswered` or `Refused`."""
    body: dict[str, object] = {"prompt": arrival.prompt, "seed": arrival.seed}
    if arrival.model is not None:
        body["model"] = arrival.model
    if arrival.size is not None:
        body["size"] = arrival.size
    if arrival.seconds is not None:
        body["seconds"] = str(arrival.seconds)
    try:
        response = await client.post("/v1/videos", json=body)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotSent(type(error).__name__) from error
    except httpx.TransportError as error:
        raise Unanswered(type(error).__name__) from error
    if response.is_error:
        raise Refused(_code(response))
    video = _body(response, _VideoBody)
    if video is None:
        raise Unanswered("the answer is not a video object")
    return video.id


async def look(client: httpx.AsyncClient, job_id: str) -> Sighting:
    """See where the job stands. A server that does not answer leaves it open."""
    try:
        response = await client.get(f"/v1/videos/{job_id}")
    except httpx.TransportError:
        return Sighting(status=JobStatus.OPEN)
    if response.status_code == 404:
        return Sighting(status=JobStatus.UNKNOWN)
    wait_s = _wait_s(response.headers)
    video = None if response.is_error else _body(response, _VideoBody)
    if video is None:
        return Sighting(status=JobStatus.OPEN, wait_s=wait_s)
    return Sighting(
        status=_STATUSES.get(video.status, JobStatus.OPEN),
        wait_s=wait_s,
        error_code=_code_from_video(video),
        inference_time_s=video.inference_time_s,
        video_s=video.seconds,
    )


async def cancel(client: httpx.AsyncClient, job_id: str) -> None:
    """Take the job back. What becomes of it shows in the next look, also where no answer comes."""
    with suppress(httpx.TransportError):
        await client.post(f"/v1/videos/{job_id}/cancel")


async def download(client: httpx.AsyncClient, job_id: str) -> int | None:
    """Fetch the clip and return its size in bytes; None when it cannot be had whole."""
    try:
        response = await client.get(f"/v1/videos/{job_id}/content", follow_redirects=True)
    except httpx.TransportError:
        return None
    return len(response.content) if response.is_success and response.content else None


async def newest_job(client: httpx.AsyncClient) -> ServerJob | None:
    """The tenant's latest job: what came before it does not belong to the run."""
    jobs = (await _page(client, limit=1, after=None)).data
    return _server_job(jobs[0]) if jobs else None


async def jobs_since(
    client: httpx.AsyncClient, newest_before: ServerJob | None
) -> tuple[ServerJob, ...]:
    """All of the tenant's jobs that are newer than `newest_before`, newest first."""
    found: list[ServerJob] = []
    after: str | None = None
    for _ in range(MAX_PAGES):
        page = await _page(client, limit=PAGE_SIZE, after=after)
        for job in map(_server_job, page.data):
            if newest_before is not None and (
                job.id == newest_before.id or job.created_at_s < newest_before.created_at_s
            ):
                return tuple(found)
            found.append(job)
        if not page.has_more or not page.data:
            return tuple(found)
        after = page.data[-1].id
    raise TargetError(f"the listing of jobs has more than {MAX_PAGES} pages and no end")


async def stage_totals(client: httpx.AsyncClient) -> Mapping[str, StageTotals]:
    """What `/metrics` has summed up for each stage; empty for a server without such figures."""
    response = await _answered(client, "/metrics")
    if response.status_code in (401, 403, 404):
        return {}
    sums: dict[str, list[float]] = {}
    for family in text_string_to_metric_families(response.text):
        if family.name not in _FIGURES:
            continue
        for sample in family.samples:
            if sample.name == f"{family.name}_total":
                row = sums.setdefault(sample.labels["stage"], [0.0, 0.0, 0.0])
                row[_FIGURES.index(family.name)] += sample.value
    return {
        stage: StageTotals(num_runs=round(row[0]), wait_s=row[1], work_s=row[2])
        for stage, row in sums.items()
    }


async def gangs_seen(client: httpx.AsyncClient) -> GangsSeen | None:
    """What `/metrics` says of generation; None: this server has no such figures, or not now."""
    try:
        response = await client.get("/metrics")
    except httpx.TransportError:
        return None
    found: dict[str, int] = {}
    for family in text_string_to_metric_families(response.text if response.is_success else ""):
        for sample in family.samples:  # one for each model
            if sample.name in _GANGS and sample.labels.get("stage") == "generation":
                name = _GANGS[sample.name]
                found[name] = found.get(name, 0) + round(sample.value)
    return GangsSeen(**found) if len(found) == len(_GANGS) else None


async def _page(client: httpx.AsyncClient, *, limit: int, after: str | None) -> _ListBody:
    query = {"limit": str(limit), "order": "desc"} | ({"after": after} if after else {})
    response = await _answered(client, "/v1/videos", query)
    page = None if response.is_error else _body(response, _ListBody)
    if page is None:
        raise TargetError(
            f"{client.base_url} does not list its jobs: {response.status_code}"
            f" {_code(response)}; is the URL right, and the API key?"
        )
    return page


async def _answered(
    client: httpx.AsyncClient, path: str, query: Mapping[str, str] | None = None
) -> httpx.Response:
    try:
        return await client.get(path, params=query)
    except httpx.TransportError as error:
        raise TargetError(
            f"{client.base_url} does not answer: {type(error).__name__}; is it running?"
        ) from error


def _server_job(video: _VideoBody) -> ServerJob:
    return ServerJob(
        id=video.id, prompt=video.prompt, seed=video.seed, created_at_s=video.created_at
    )


def _code_from_video(video: _VideoBody) -> str:
    if video.error is not None and video.error.code:
        return video.error.code
    return video.status if video.status in ("failed", "cancelled") else ""


def _code(response: httpx.Response) -> str:
    problem = _body(response, _ProblemBody)
    return (problem.error.code if problem else None) or f"http_{response.status_code}"


def _body(response: httpx.Response, kind: type[Body]) -> Body | None:
    """The answer as `kind`; None when it is something else."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError:
        return None


def _wait_s(headers: httpx.Headers) -> float:
    """The server's wish, in seconds: `openai-poll-after-ms`, else `retry-after`."""
    for name, factor in (("openai-poll-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            wait_s = float(headers[name]) * factor
        except (KeyError, ValueError):  # not there, or a date
            continue
        return min(max(wait_s, MIN_POLL_S), MAX_POLL_S)
    return POLL_S
