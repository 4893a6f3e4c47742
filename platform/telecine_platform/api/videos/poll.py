"""The plain poll by a short way: most requests are polls, and half of their cost was FastAPI's.

Invariant: the short way answers byte for byte as the route's own function does. It takes only what
has nothing for FastAPI to read, a GET without a query; `?wait=30` goes the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from telecine_platform.access.callers import Scope
from telecine_platform.api.context import ApiContext, caller_with_scope, context_of
from telecine_platform.api.job_ids import checked_job_id
from telecine_platform.api.polling import poll_after_ms
from telecine_platform.api.videos.wire import Video, video_from_job
from telecine_platform.records import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownVideo:
    """A video as its caller sees it now, and the headers that go with it."""

    video: Video
    headers: dict[str, str]


class PollRoute(APIRoute):
    """Described by its function as any route; without a query it is answered by `_poll`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Any: FastAPI's own types."""
        by_the_book = super().get_route_handler()

        async def handle(request: Request) -> Response:
            is_plain = not request.scope["query_string"]
            return await (_poll(request) if is_plain else by_the_book(request))

        return handle


def shown_video(job: Job, context: ApiContext) -> ShownVideo:
    """With the job's forecast; until it is final, `openai-poll-after-ms` says when to ask again."""
    now = context.now()
    forecast = context.desk.forecast_of(job, now)
    headers = {}
    if not job.state.is_final:
        finish_at = None if forecast is None else forecast.finish_at
        headers["openai-poll-after-ms"] = str(poll_after_ms(finish_at, now))
    video = video_from_job(job, result_ttl_s=context.settings.result_ttl_s, forecast=forecast)
    return ShownVideo(video=video, headers=headers)


async def _poll(request: Request) -> Response:
    context = context_of(request)
    caller = await caller_with_scope(request, Scope.READ)
    job_id = checked_job_id(request.path_params["video_id"])
    shown = shown_video(await context.polls.get(job_id, caller.tenant_id), context)
    return Response(
        shown.video.model_dump_json(), headers=shown.headers, media_type="application/json"
    )
