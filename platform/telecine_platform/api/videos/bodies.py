"""What the calls of `/v1/videos` take, checked field by field."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from telecine_platform.api.bodies import UploadedFile
from telecine_platform.api.numbers import DecimalNumber, WholeNumber
from telecine_platform.api.pictures.read import PictureSource, PictureSources
from telecine_platform.api.shapes import Body, body_from_fields
from telecine_platform.api.terms import HandlingBody
from telecine_platform.errors import InvalidRequest

MAX_SEED = 2**63 - 1
"""torch's generators take a signed 64-bit seed."""
MIN_GUIDANCE, MAX_GUIDANCE = 1.0, 20.0
"""1 means no guidance; more than 20 is a slip of the pen: pictures burn out long before."""


class ImageReference(Body):
    """A picture that is not in the body; OpenAI's object."""

    image_url: str | None = Field(default=None, description="An https or data URL.")
    file_id: str | None = Field(default=None, description="Not possible: no files are kept here.")


class CreateVideoBody(HandlingBody):
    """What `POST /v1/videos` takes. Beyond OpenAI's: all but the first five."""

    prompt: str = Field(description="What the clip shows.")
    input_reference: ImageReference | None = Field(
        default=None,
        description="The clip's first frame, where the model's `limits.first_frame` allows one: "
        "a file in a form, or a URL.",
    )
    model: str | None = Field(default=None, description="Default: the model that is served.")
    seconds: WholeNumber | None = Field(
        default=None, description="One of the model's `limits.seconds`."
    )
    size: str | None = Field(
        default=None, description="One of the model's `limits.sizes`, as `832x480`."
    )
    negative_prompt: str | None = Field(default=None, description="What the clip shall not show.")
    seed: Annotated[WholeNumber, Field(ge=0, le=MAX_SEED)] | None = Field(
        default=None, description="The same seed and request show the same. Default: random."
    )
    num_steps: Annotated[WholeNumber, Field(ge=1)] | None = Field(
        default=None, description="Denoising steps, at most the model's `limits.max_num_steps`."
    )
    guidance_scale: Annotated[DecimalNumber, Field(ge=MIN_GUIDANCE, le=MAX_GUIDANCE)] | None = (
        Field(default=None, description="How closely the prompt is followed.")
    )
    adapter: str | None = Field(
        default=None, description="A LoRA adapter: one of the model's `limits.adapters`."
    )
    step_cache: Annotated[DecimalNumber, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="Above 0, steps that change less than this share are shortened: faster, and "
        "not quite the same clip. At most the model's `limits.max_step_cache`. Default: 0.",
    )


class RemixBody(HandlingBody):
    """What `POST /v1/videos/{video_id}/remix` takes; the rest is as in the remixed video."""

    prompt: str = Field(description="What the new clip shows.")


_REFERENCE = "input_reference"


def create_body_from_fields(
    fields: dict[str, object],
) -> tuple[CreateVideoBody, PictureSources]:
    """Check a request's fields; raises `InvalidRequest` naming the first wrong one.

    A form has its reference as a file, or as `input_reference[image_url]`.
    """
    given = {name: value for name, value in fields.items() if name.split("[")[0] != _REFERENCE}
    reference = _reference(fields)
    if not isinstance(reference, UploadedFile) and reference is not None:
        given[_REFERENCE] = reference
    body = body_from_fields(CreateVideoBody, given)
    if isinstance(reference, UploadedFile):
        picture: UploadedFile | str | None = reference
    else:
        picture = _url(body.input_reference)
    if picture is None:
        return body, PictureSources()
    return body, PictureSources(first=PictureSource(param=_REFERENCE, given=picture))


def _reference(fields: dict[str, object]) -> object | None:
    """The file, the object, or None; an empty one in a form is none."""
    nested = {
        name.removeprefix(f"{_REFERENCE}[").removesuffix("]"): value
        for name, value in fields.items()
        if name.startswith(f"{_REFERENCE}[") and value != ""
    }
    plain = fields.get(_REFERENCE) if fields.get(_REFERENCE) != "" else None
    if plain is not None and nested:
        raise InvalidRequest(
            "input_reference is given twice", param=_REFERENCE, code="duplicate_parameter"
        )
    return nested or plain


def _url(reference: ImageReference | None) -> str | None:
    if reference is None:
        return None
    if reference.file_id is not None or reference.image_url is None:
        raise InvalidRequest(
            "input_reference must be a file or an image_url; files are not kept by an id here",
            param=_REFERENCE,
            code="unsupported_parameter",
        )
    return reference.image_url
