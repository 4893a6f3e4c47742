"""What surrounds every request: its id, its limits, its figures, and the last catch.

Plain ASGI: Starlette's `BaseHTTPMiddleware` would buffer and break streaming cancellation.
"""

from __future__ import annotations

import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telecine_platform.api.metrics import HttpMetrics
from telecine_platform.api.problems import log_unexpected, response_from_error
from telecine_platform.errors import BodyTooLarge
from telecine_platform.ids import new_request_id


class Envelope:
    """Outermost: names the request, counts it, and lets no exception through to the server.

    uvicorn would log an exception with its text, and texts can quote a prompt.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        started_at = time.perf_counter()
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        try:
            await self._app(scope, receive, send_named)
        except ClientDisconnect:
            pass  # nobody is left to answer
        except Exception as error:
            if status == 0:
                await response_from_error(error, scope)(scope, receive, send_named)
            else:
                # Half an answer is out: returning makes uvicorn cut the connection.
                log_unexpected(error, scope)
        finally:
            self._metrics.observe(
                route=getattr(scope.get("route"), "path", "unmatched"),
                method=scope["method"],
                status=status,
                duration_s=time.perf_counter() - started_at,
            )


class BodyLimit:
    """Refuses a body over the limit: by its declared length, or as soon as it has come in."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        num_bytes = 0

        async def receive_limited() -> Message:
            nonlocal num_bytes
            if declared.isdecimal() and int(declared) > self._max_bytes:
                raise self._too_large()
            message = await receive()
            num_bytes += len(message.get("body", b""))
            if num_bytes > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, receive_limited, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is over the limit of {self._max_bytes} bytes")
