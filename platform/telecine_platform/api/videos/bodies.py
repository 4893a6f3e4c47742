"""What the calls of `/v1/videos` take, checked field by field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from telecine_platform.api.numbers import DecimalNumber, WholeNumber
from telecine_platform.api.shapes import body_from_fields
from telecine_platform.api.terms import HandlingBody
from telecine_platform.errors import InvalidRequest

MAX_SEED = 2**63 - 1
"""torch's generators take a signed 64-bit seed."""
MIN_GUIDANCE, MAX_GUIDANCE = 1.0, 20.0
"""1 means no guidance; more than 20 is a slip of the pen: pictures burn out long before."""


class CreateVideoBody(HandlingBody):
    """What `POST /v1/videos` takes. Beyond OpenAI's: all but the first four."""

    prompt: str = Field(description="What the clip shows.")
    model: str | None = Field(default=None, description="Default: the model that is served.")
    seconds: WholeNumber | None = Field(
        default=None, description="One of the model's `limits.seconds`."
    )
    size: str | None = Field(
        default=None, description="One of the model's `limits.sizes`, as `832x480`."
    )
    negative_prompt: str | None = Field(default=None, description="What the clip shall not show.")
    seed: Annotated[WholeNumber, Field(ge=0, le=MAX_SEED)] | None = Field(
        default=None, description="The same seed and request make the same clip. Default: random."
    )
    num_steps: Annotated[WholeNumber, Field(ge=1)] | None = Field(
        default=None, description="Denoising steps, at most the model's `limits.max_num_steps`."
    )
    guidance_scale: Annotated[DecimalNumber, Field(ge=MIN_GUIDANCE, le=MAX_GUIDANCE)] | None = (
        Field(default=None, description="How closely the prompt is followed.")
    )


class RemixBody(HandlingBody):
    """What `POST /v1/videos/{video_id}/remix` takes; the rest is as in the remixed video."""

    prompt: str = Field(description="What the new clip shows.")


def create_body_from_fields(fields: dict[str, object]) -> CreateVideoBody:
    """Check a request's fields; raises `InvalidRequest` naming the first wrong one."""
    given = dict(fields)
    for name in fields:
        if name.split("[")[0] == "input_reference" and given.pop(name) not in (None, ""):
            raise InvalidRequest(
                "this model makes clips from text only; leave input_reference out",
                param="input_reference",
                code="unsupported_parameter",
            )
    return body_from_fields(CreateVideoBody, given)
