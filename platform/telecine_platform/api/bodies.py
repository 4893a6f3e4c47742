"""A request's raw body -> its named fields, whichever of three content types carried it.

Invariant: text is UTF-8 or the request is refused. Starlette's own form reader falls back to
Latin-1 or to replacement characters, and the safeguards would then screen another text than the one
that was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, FormParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from telecine_platform.api.validation import printable
from telecine_platform.errors import InvalidRequest

JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
MAX_FIELDS = 64
"""More than any body has; bounds the work that a form can cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """Stands in a field's place when the form sent a file there."""

    content: bytes


async def fields_from_request(request: Request) -> dict[str, object]:
    """The body's top-level fields; raises `InvalidRequest`, and `BodyTooLarge` while reading."""
    content_type = request.headers.get("content-type", "")
    body = await request.body()
    # A form of many megabytes takes a while to take apart: not on the event loop.
    return await run_in_threadpool(fields_from_body, body, content_type)


async def optional_fields_from_request(request: Request) -> dict[str, object]:
    """The same for a route that can do without a body."""
    return await fields_from_request(request) if await request.body() else {}


def fields_from_body(body: bytes, content_type: str) -> dict[str, object]:
    """Take `body` apart as `content_type` says."""
    kind_b, options = parse_options_header(content_type)
    match kind_b.decode("latin-1"):
        case "application/json":
            return _fields_from_json(body)
        case "multipart/form-data":
            return _fields_from_multipart(body, options)
        case "application/x-www-form-urlencoded":
            return _fields_from_urlencoded(body)
    raise InvalidRequest(
        f"the content type must be {JSON}, {MULTIPART} or {URLENCODED}, "
        f"not {printable(content_type)!r}",
        code="unsupported_content_type",
    )


def _fields_from_json(body: bytes) -> dict[str, object]:
    try:
        value = json.loads(
            _text(body, None), parse_constant=_refuse_constant, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno} column {error.colno}: {error.msg}" if isinstance(
            error, json.JSONDecodeError
        ) else "a number is out of range, or it is nested too deeply"  # fmt: skip
        raise InvalidRequest(f"the body is not JSON: {where}", code="invalid_json") from error
    if not isinstance(value, dict):
        raise InvalidRequest("the body must be a JSON object", code="invalid_json")
    return value


def _fields_from_urlencoded(body: bytes) -> dict[str, object]:
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError as error:
        raise _not_utf8(None) from error
    except ValueError as error:
        raise InvalidRequest(f"the form cannot be read: {error}", code="invalid_form") from error
    return _unique(pairs)


def _fields_from_multipart(body: bytes, options: Mapping[bytes, bytes]) -> dict[str, object]:
    pairs: list[tuple[str, object]] = []
    ends: list[bool] = []

    def keep(name: bytes | None, value: object) -> None:
        if len(pairs) >= MAX_FIELDS:
            raise FormParserError(f"more than {MAX_FIELDS} fields")
        pairs.append((_text(name or b"", None), value))

    def on_field(field: Field) -> None:
        keep(field.field_name, _text(field.value or b"", field.field_name))

    def on_file(file: File) -> None:
        # A browser sends an empty file for a file input that was left alone.
        file.file_object.seek(0)
        content = file.file_object.read()
        keep(file.field_name, UploadedFile(content=content) if file.file_name or content else "")
        file.close()

    try:
        parser = FormParser(
            MULTIPART,
            on_field,
            on_file,
            on_end=lambda: ends.append(True),
            boundary=options.get(b"boundary"),
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "UPLOAD_ERROR_ON_BAD_CTE": True},
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise InvalidRequest("the form's parts cannot be read", code="invalid_form") from error
    if not ends:
        raise InvalidRequest("the form ends before its last boundary", code="invalid_form")
    return _unique(pairs)


def _unique(pairs: list[tuple[str, object]] | list[tuple[str, str]]) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name, value in pairs:
        if name in fields:
            shown = printable(name)
            raise InvalidRequest(
                f"{shown!r} is given twice", param=shown, code="duplicate_parameter"
            )
        fields[name] = value
    return fields


def _text(raw: bytes, name: bytes | None) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(name) from error


def _not_utf8(name: bytes | None) -> InvalidRequest:
    param = None if name is None else printable(name.decode("utf-8", errors="backslashreplace"))
    return InvalidRequest(
        f"{param or 'the body'} is not UTF-8 text", param=param, code="invalid_encoding"
    )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
