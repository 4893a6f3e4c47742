"""What the bodies and lists of every API here have in common."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telecine_platform.api.bodies import JSON
from telecine_platform.api.validation import invalid_request_from_errors
from telecine_platform.ids import JOB_ID_PATTERN

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PageQuery(BaseModel):
    """How to page through a list, in the order of ids."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(
        None, description="The last id of the page before."
    )
    limit: int = Field(20, ge=1, le=100)


class Page(BaseModel):
    """One page of a list."""

    object: Literal["list"] = "list"
    has_more: bool


class JobPageQuery(PageQuery):
    """How to page through a list of jobs."""

    after: Annotated[str, Field(pattern=JOB_ID_PATTERN)] | None = Field(
        None, description="The last id of the page before."
    )


def optional_unix_s(at: datetime | None) -> int | None:
    """Whole Unix seconds, as all times on the wire."""
    return None if at is None else int(at.timestamp())


def body_from_fields(model: type[Model], fields: dict[str, object]) -> Model:
    """Check a body's fields; raises `InvalidRequest` with the first thing that is wrong."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid_request_from_errors(error.errors(include_input=False)) from error


def json_body(schema: dict[str, Any], kinds: Iterable[str] = (JSON,)) -> dict[str, Any]:
    """For /openapi.json, as routes read their bodies themselves (`bodies.py` says why).

    Any: OpenAPI's own nesting.
    """
    content = {kind: {"schema": schema} for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}
