"""Pydantic's findings as an `InvalidRequest`: one field, one sentence, one stable code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from telecine_platform.errors import InvalidRequest

_CODES = {
    "missing": "missing_required_parameter",
    "extra_forbidden": "unknown_parameter",
    "string_unicode": "invalid_text",
    "string_too_long": "string_above_max_length",
}


def invalid_request_from_errors(errors: Sequence[Mapping[str, Any]]) -> InvalidRequest:
    """The first of pydantic's errors. Values are not repeated: they can be whole prompts."""
    error = errors[0]  # Any: pydantic's own type for one error's fields
    places = [str(part) for part in error["loc"] if part not in ("query", "path", "header", "body")]
    param = printable(places[0]) if places else None
    match error["type"]:
        case "missing":
            message = f"{param} is required"
        case "extra_forbidden":
            message = f"there is no parameter {param!r} here; check its spelling or leave it out"
        case "string_unicode":
            message = f"{param or 'a name'} is not valid Unicode text: it holds a lone surrogate"
        case _:
            message = f"{param or 'the body'}: {error['msg']}"
    return InvalidRequest(message, param=param, code=_code_from_type(error["type"]))


def printable(name: str) -> str:
    """A caller's own word, short and safe to send back: lone surrogates have no UTF-8 form."""
    return name[:100].encode("utf-8", errors="backslashreplace").decode("utf-8")


def _code_from_type(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    return "invalid_type" if kind.endswith(("_type", "_parsing")) else "invalid_value"
