"""The pages' routes: each shows a page, or does one thing and shows the page again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.bodies import UploadedFile, optional_fields_from_request
from telecine_platform.api.context import ApiContext, Context
from telecine_platform.api.problems import status_from_error
from telecine_platform.api.reviews.routes import PAGE_HEADERS
from telecine_platform.api.takedowns.pages.acts import ACTS, Do, file_claim
from telecine_platform.api.takedowns.pages.session import (
    caller_of,
    caller_of_key,
    check_own_form,
    sign_in,
    sign_out,
)
from telecine_platform.api.takedowns.pages.views import claim_page, overview, sign_in_page
from telecine_platform.errors import InvalidRequest, NotFound, TelecineError, Unauthenticated

router = APIRouter(prefix="/takedowns", include_in_schema=False)

_HEADERS = PAGE_HEADERS | {
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}
_STYLE = resources.files(__package__).joinpath("style.css").read_text(encoding="utf-8")
_DONE = {"1": "Done."}


@router.get("/style.css")
def style() -> Response:
    return Response(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})


@router.get("")
def show_overview(request: Request, context: Context, done: str = "") -> Response:
    return _page(request, context, lambda who: overview(context, who, done=_DONE.get(done, "")))


@router.get("/claims/{claim_id}")
def show_claim(claim_id: str, request: Request, context: Context) -> Response:
    return _page(request, context, lambda who: claim_page(context, who, claim_id))


@router.post("/session")
async def begin_session(request: Request, context: Context) -> Response:
    """Sign in with an API key."""
    try:
        check_own_form(request)
        key = str((await optional_fields_from_request(request)).get("key", "")).strip()
        await run_in_threadpool(caller_of_key, key, context)
    except TelecineError as error:
        return _html(sign_in_page(str(error)), status_from_error(error))
    response = RedirectResponse("/takedowns", 303)
    sign_in(response, request, key)
    return response


@router.post("/session/end")
def end_session(request: Request) -> Response:
    check_own_form(request)
    response = RedirectResponse("/takedowns", 303)
    sign_out(response)
    return response


@router.post("/claims")
async def post_claim(request: Request, context: Context) -> Response:
    return await _act(request, context, "/takedowns", Scope.RIGHTS, file_claim)


@router.post("/{path:path}")
async def post_act(path: str, request: Request, context: Context) -> Response:
    """What `ACTS` lists."""
    for act in ACTS:
        found = act.pattern.fullmatch(path)
        if found is not None:
            ids = found.groupdict()
            back = f"/takedowns/claims/{ids['claim']}" if act.shows_claim else "/takedowns"
            return await _act(request, context, back, act.scope, _with_ids(act.do, ids))
    raise NotFound(f"there is no form {path[:100]!r} here")


def _with_ids(do: Do, ids: Mapping[str, str]) -> Do:
    """`do`, with what the path names among the fields; a field cannot take its place."""

    def bound(context: ApiContext, caller: Caller, fields: dict[str, object]) -> None:
        do(context, caller, fields | dict(ids))

    return bound


async def _act(
    request: Request,
    context: ApiContext,
    back: str,
    scope: Scope,
    do: Do,
) -> Response:
    """Do it and go back to the page; or show the page with what is wrong."""
    try:
        check_own_form(request)
        caller = await run_in_threadpool(caller_of, request, context)
    except Unauthenticated as error:
        return _html(sign_in_page(str(error)), 401)
    try:
        caller.check(scope)
        fields = await optional_fields_from_request(request)
        if any(
            isinstance(value, UploadedFile) for name, value in fields.items() if name != "reference"
        ):
            raise InvalidRequest("a file came in a field of text")
        await run_in_threadpool(do, context, caller, fields)
    except TelecineError as error:
        page = await run_in_threadpool(overview, context, caller, str(error))
        return _html(page, status_from_error(error))
    return RedirectResponse(f"{back}?done=1", 303)


def _page(request: Request, context: ApiContext, show: Callable[[Caller], str]) -> Response:
    try:
        caller = caller_of(request, context)
    except Unauthenticated:
        return _html(sign_in_page(), 200)
    try:
        return _html(show(caller), 200)
    except NotFound as error:
        return _html(overview(context, caller, str(error)), 404)


def _html(page: str, status: int) -> Response:
    return HTMLResponse(page, status, headers=_HEADERS)
