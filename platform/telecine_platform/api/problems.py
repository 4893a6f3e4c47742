"""Errors as HTTP answers: the only place that knows which status belongs to which class.

Invariant: an answer below 500 explains itself; an answer from 500 on tells nothing about our
inside, only the request id under which the log has it. No log line here carries an error's text,
because a driver's text can quote the prompt.
"""

from __future__ import annotations

import logging
import math
import traceback
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Scope

from telecine_platform.api.validation import invalid_request_from_errors
from telecine_platform.errors import (
    BodyTooLarge,
    ClipWithdrawn,
    FetchRefused,
    Forbidden,
    Halted,
    IdempotencyConflict,
    IllegalTransition,
    InvalidRequest,
    NotFound,
    SignerUnavailable,
    StorageUnavailable,
    StoreUnavailable,
    TelecineError,
    TooManyRequests,
    Unauthenticated,
)

logger = logging.getLogger(__name__)

RETRY_AFTER_S = 2
"""When to come back to a service whose database or storage is away."""

HALT_RETRY_AFTER_S = 60
"""When to come back to a halted model or region: a person has to lift it."""

_STATUSES: dict[type[TelecineError], int] = {
    BodyTooLarge: 413,
    ClipWithdrawn: 451,  # RFC 7725
    InvalidRequest: 400,  # ClipNotReady too: 409 would make the OpenAI SDK retry, 404 means "gone"
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    IdempotencyConflict: 409,
    FetchRefused: 400,
    IllegalTransition: 409,
    TooManyRequests: 429,
    Halted: 503,
    SignerUnavailable: 503,
    StoreUnavailable: 503,
    StorageUnavailable: 503,
}
_AWAY = {
    SignerUnavailable.code: "the keys that tokens are checked with cannot be read",
    StoreUnavailable.code: "the job database does not answer",
    StorageUnavailable.code: "the clip storage does not answer",
}


class Problem(BaseModel):
    """One error, in OpenAI's words."""

    message: str
    type: str
    param: str | None
    code: str | None


class ProblemBody(BaseModel):
    """The body of every answer from 400 on."""

    error: Problem


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "model": ProblemBody,
        "description": "The request cannot be served as it is: `code` and `param` say why.",
    },
    "5XX": {
        "model": ProblemBody,
        "description": "Our fault. 503 carries `Retry-After`; quote `x-request-id` otherwise.",
    },
}
"""For /openapi.json, on every route. Any: FastAPI's own type."""


def install_problem_handlers(app: FastAPI) -> None:
    """Let every error that passes through the routes end as a `ProblemBody`."""

    async def on_telecine_error(request: Request, error: Exception) -> JSONResponse:
        return response_from_error(error, request.scope)

    async def on_http_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)  # the registration below says so
        return _response_from_http_error(error, request.scope)

    async def on_validation_error(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return response_from_error(invalid_request_from_errors(error.errors()), request.scope)

    app.add_exception_handler(TelecineError, on_telecine_error)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(RequestValidationError, on_validation_error)


def response_from_error(error: Exception, scope: Scope) -> JSONResponse:
    """Any exception's answer; one that is not the caller's fault is logged."""
    status = status_from_error(error)
    if status == 500:
        log_unexpected(error, scope)
        request_id = scope.get("state", {}).get("request_id", "")
        return _response(
            500, f"something failed on our side; request id {request_id}", "internal_error"
        )
    assert isinstance(error, TelecineError)
    if error.code in _AWAY:
        logger.warning(
            "a dependency is away",
            extra={"action": "dependency_down", "code": error.code} | _log_fields(scope),
        )
        message = f"{_AWAY[error.code]}; try again in {RETRY_AFTER_S} s"
        return _response(503, message, error.code, headers={"retry-after": str(RETRY_AFTER_S)})
    headers = {
        401: {"www-authenticate": "Bearer"},
        409: {"x-should-retry": "false"},  # OpenAI's SDK would otherwise: it takes 409 for a lock
        503: {"retry-after": str(HALT_RETRY_AFTER_S)},
    }.get(status)
    if isinstance(error, TooManyRequests):
        headers = _retry_headers(error.retry_after_s)
    param = error.param if isinstance(error, InvalidRequest) else None
    return _response(status, str(error), error.code, param=param, headers=headers)


def status_from_error(error: Exception) -> int:
    """The HTTP status that the error's class, or the nearest above it, has."""
    return next((_STATUSES[kind] for kind in type(error).__mro__ if kind in _STATUSES), 500)


def _retry_headers(retry_after_s: float) -> dict[str, str]:
    """Whole seconds for everybody, milliseconds for the OpenAI SDK."""
    retry_after_ms = math.ceil(retry_after_s * 1000)
    return {
        "retry-after": str(math.ceil(retry_after_s)),
        "retry-after-ms": str(retry_after_ms),
    }


def unsatisfiable_range(size_bytes: int) -> JSONResponse:
    """The answer to a byte range that starts behind the end."""
    return _response(
        416,
        f"the range starts behind the end: there are {size_bytes} bytes",
        "range_not_satisfiable",
        param="range",
        headers={"content-range": f"bytes */{size_bytes}"},
    )


def not_ready(checks: Mapping[str, str]) -> JSONResponse:
    """The answer of `/readyz` while a dependency is down: `checks` says which."""
    down = ", ".join(name for name, state in checks.items() if state != "ok")
    return _response(
        503,
        f"not ready, down: {down}",
        "not_ready",
        headers={"retry-after": str(RETRY_AFTER_S)},
        beside={"status": "not_ready", "checks": dict(checks)},
    )


def log_unexpected(error: Exception, scope: Scope) -> None:
    """Log where an exception came from and its class, without the values in its text."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error(
        "unexpected %s\n%s",
        type(error).__name__,
        frames,
        extra={"action": "unexpected_error", "code": type(error).__name__} | _log_fields(scope),
    )


def _response_from_http_error(error: HTTPException, scope: Scope) -> JSONResponse:
    method, path = scope["method"], scope["path"][:200]
    match error.status_code:
        case 404:
            return _response(404, f"there is no {path!r} here; see /openapi.json", "unknown_route")
        case 405:
            allowed = (error.headers or {}).get("Allow", "")
            message = f"{method[:20]} is not possible on {path!r}; allowed: {allowed}"
            return _response(405, message, "method_not_allowed", headers=error.headers)
        case status:
            return _response(status, str(error.detail), "http_error", headers=error.headers)


def _response(
    status: int,
    message: str,
    code: str,
    *,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    beside: Mapping[str, object] | None = None,
) -> JSONResponse:
    kind = {401: "authentication_error", 403: "permission_error"}.get(
        status, "invalid_request_error"
    )
    problem = Problem(
        message=message, type="server_error" if status >= 500 else kind, param=param, code=code
    )
    body = ProblemBody(error=problem).model_dump() | dict(beside or {})
    return JSONResponse(body, status, headers=dict(headers or {}))


def _log_fields(scope: Scope) -> dict[str, str]:
    route = getattr(scope.get("route"), "path", "unmatched")
    return {"request_id": scope.get("state", {}).get("request_id", ""), "route": route}
