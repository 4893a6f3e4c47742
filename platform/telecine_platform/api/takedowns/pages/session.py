"""Signing in to the pages: the API key in a cookie that no script and no other site can use."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from telecine_platform.access.callers import Caller
from telecine_platform.api.context import ApiContext
from telecine_platform.errors import Forbidden, Unauthenticated

COOKIE = "telecine_takedowns"
PATH = "/takedowns"


def caller_of(request: Request, context: ApiContext) -> Caller:
    """Whose page it is. Raises `Unauthenticated`: then they have to sign in."""
    return caller_of_key(_key_from_cookie(request.cookies.get(COOKIE, "")), context)


def caller_of_key(key: str, context: ApiContext) -> Caller:
    header = f"Bearer {key}" if key else None
    return context.authenticator.caller_from_header(header, context.now())


def sign_in(response: Response, request: Request, key: str) -> None:
    value = base64.urlsafe_b64encode(key.encode("utf-8", errors="surrogatepass")).decode()
    is_secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(
        COOKIE, value, path=PATH, httponly=True, samesite="strict", secure=is_secure
    )


def sign_out(response: Response) -> None:
    response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="strict")


def check_own_form(request: Request) -> None:
    """Refuse a form that another site sent in somebody's name. Raises `Forbidden`."""
    origin = request.headers.get("origin")
    is_foreign = request.headers.get("sec-fetch-site") not in (None, "same-origin", "none")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        is_foreign = True
    if is_foreign:
        raise Forbidden("this form was sent by another site; open /takedowns itself")


def _key_from_cookie(value: str) -> str:
    try:
        return base64.urlsafe_b64decode(value.encode("ascii")).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("the cookie is damaged: sign in again") from error
