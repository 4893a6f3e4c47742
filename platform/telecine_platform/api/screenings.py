"""`/v1/screenings`: would this prompt pass? Nothing is stored, and nothing of it is logged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import ApiContext, Context, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.rights_entities import json_body
from telecine_platform.api.rights_wire import Body, body_from_fields
from telecine_platform.api.specs import checked_prompt, checked_text
from telecine_platform.api.verdicts import VerdictView, view_from_verdict
from telecine_platform.rights.follow import Following
from telecine_platform.rights.screening import (
    ALL_CHECKS,
    CHECKS_BY_NAME,
    Screen,
    screen_builder,
)

router = APIRouter(prefix="/v1/screenings", tags=["screenings"], responses=RESPONSES)


class ScreeningBody(Body):
    """What to look at."""

    prompt: str
    negative_prompt: str = ""
    use: Annotated[str, Field(max_length=64)] = Field("video", description="What for.")
    region: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Default: the installation's."
    )


class ScreeningView(VerdictView):
    """The verdict that a video with this prompt would get, as far as the checks here go."""

    object: Literal["screening"] = "screening"
    would_pass: bool = Field(description="Whether a video would be made without anybody's help.")
    checks: list[str] = Field(
        description="What was asked: `names` and `harms` find spellings, `descriptions` what is "
        "meant. A check that is missing here may still refuse the video."
    )


class Preview:
    """The screen of the API process; made at the first request, then following the registry."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._following: Following[Screen] | None = None

    def screen(self) -> Screen:
        with self._lock:
            if self._following is None:
                build: Callable[..., Screen] = screen_builder(self._context.settings)
                self._following = Following(self._context.rights, build, self._context.now)
        self._following.refresh()
        return self._following.current


@router.post(
    "",
    summary="Screen a prompt",
    openapi_extra=json_body(ScreeningBody.model_json_schema()),
)
async def screen_prompt(request: Request, context: Context, tenant_id: Submitter) -> ScreeningView:
    """Ask the safeguards without asking for a video."""
    body = body_from_fields(ScreeningBody, await fields_from_request(request))
    return await run_in_threadpool(_screen, body, request, context, tenant_id, context.now())


def _screen(
    body: ScreeningBody, request: Request, context: ApiContext, tenant_id: str, now: datetime
) -> ScreeningView:
    max_chars = context.settings.max_prompt_chars
    prompt = checked_prompt(body.prompt, max_chars)
    negative_prompt = checked_text(body.negative_prompt, "negative_prompt", max_chars)
    given = context.screen
    preview: Preview = request.app.state.preview
    verdict = (given or preview.screen()).screen(
        prompt=prompt,
        negative_prompt=negative_prompt,
        tenant_id=tenant_id,
        region=context.settings.region if body.region is None else body.region,
        use=body.use,
        now=now,
    )
    return ScreeningView(
        **view_from_verdict(verdict).model_dump(),
        would_pass=verdict.action in ("allow", "rewrite"),
        checks=list(CHECKS_BY_NAME if given is None else ALL_CHECKS),
    )
