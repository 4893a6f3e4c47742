"""`/v1/screenings`: would this prompt pass? A screening replica answers, as it would for a job.

Nothing of it is logged, and its text is stored no longer than the answer is waited for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import fields_from_request
from telecine_platform.api.context import ApiContext, Context, Submitter
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import Body, body_from_fields, json_body
from telecine_platform.api.specs import checked_prompt, checked_text
from telecine_platform.api.terms import Name, checked_region
from telecine_platform.api.verdicts import VerdictView, view_from_verdict
from telecine_platform.api.watch import PERIOD_S
from telecine_platform.jobs.previews import Preview, Previews
from telecine_platform.rights.follow import Following
from telecine_platform.rights.screening import (
    ALL_CHECKS,
    CHECKS_BY_NAME,
    Screen,
    screen_builder,
)
from telecine_platform.scheduling.refusals import is_refusal
from telecine_safeguards.verdict import Verdict

router = APIRouter(prefix="/v1/screenings", tags=["screenings"], responses=RESPONSES)


class ScreeningBody(Body):
    """What to look at."""

    prompt: str
    negative_prompt: str = ""
    use: Name = Field("video", description="What for, as in a request for a video.")
    region: Name | None = Field(
        None, description="Default: the installation's; others as in a request for a video."
    )


class ScreeningView(VerdictView):
    """The verdict that a video with this prompt would get, as far as the checks here go."""

    object: Literal["screening"] = "screening"
    would_pass: bool = Field(description="Whether a video would be made without anybody's help.")
    checks: list[str] = Field(
        description="What was asked: `names` and `harms` find spellings, `descriptions` what is "
        "meant. A check that is missing here may still refuse the video."
    )


class NameScreen:
    """The API process's own screen, without descriptions: made at the first request that no
    replica answers, then following the registry."""

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
    preview = _preview_from_body(body, context, tenant_id)
    await run_in_threadpool(context.desk.check_refusals, tenant_id, context.now())
    checks: tuple[str, ...] = ALL_CHECKS
    verdict = await _verdict_of_replica(preview, context)
    if verdict is None:
        names: NameScreen = request.app.state.name_screen
        verdict = await run_in_threadpool(_verdict_by_name, names, preview, context.now())
        checks = CHECKS_BY_NAME
    if is_refusal(verdict):
        await run_in_threadpool(context.desk.count_refusal, tenant_id, verdict, context.now())
    return ScreeningView(
        **view_from_verdict(verdict).model_dump(),
        would_pass=verdict.action in ("allow", "rewrite"),
        checks=list(checks),
    )


def _preview_from_body(body: ScreeningBody, context: ApiContext, tenant_id: str) -> Preview:
    max_chars = context.settings.max_prompt_chars
    return Preview(
        tenant_id=tenant_id,
        prompt=checked_prompt(body.prompt, max_chars),
        negative_prompt=checked_text(body.negative_prompt, "negative_prompt", max_chars),
        region=checked_region(body.region, context.settings),
        use=body.use,
    )


async def _verdict_of_replica(preview: Preview, context: ApiContext) -> Verdict | None:
    """What a screening replica says; None where none answers in time, or all screen by name."""
    wait_s = context.settings.preview_wait_s
    if context.settings.screening_model == "none" or wait_s == 0:
        return None
    previews = Previews(context.jobs.database)
    preview_id = await run_in_threadpool(previews.ask, preview, wait_s=wait_s, now=context.now())
    try:
        async with asyncio.timeout(wait_s):
            while True:
                verdict = await run_in_threadpool(previews.collect, preview_id)
                if verdict is not None:
                    return verdict
                await asyncio.sleep(PERIOD_S)
    except TimeoutError:
        await run_in_threadpool(previews.withdraw, preview_id)
        return None


def _verdict_by_name(names: NameScreen, preview: Preview, now: datetime) -> Verdict:
    return names.screen().screen(
        prompt=preview.prompt,
        negative_prompt=preview.negative_prompt,
        tenant_id=preview.tenant_id,
        region=preview.region,
        use=preview.use,
        now=now,
    )
