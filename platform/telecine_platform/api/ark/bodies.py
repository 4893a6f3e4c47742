"""What Ark's create call takes, and the same request in our words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from telecine_platform.api.ark.prompt import split_prompt
from telecine_platform.api.ark.sizes import size_from_names, size_names
from telecine_platform.api.numbers import WholeNumber
from telecine_platform.api.pictures.read import PictureSource, PictureSources
from telecine_platform.api.shapes import Body, body_from_fields
from telecine_platform.api.specs import (
    checked_prompt,
    not_allowed,
    size_name,
    spec_from_request,
)
from telecine_platform.api.submission import random_seed
from telecine_platform.api.terms import MAX_PRIORITY, deadline_from_s
from telecine_platform.api.videos.bodies import MAX_SEED, CreateVideoBody
from telecine_platform.catalogue import ModelCard
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import JobTerms, VideoSpec
from telecine_platform.settings import Settings

MIN_EXPIRY_S, MAX_EXPIRY_S = 3_600, 259_200
"""Ark's limits of `execution_expires_after`."""
_AUTO = -1
"""Ark's number for "as the model likes"."""


class ImageUrl(Body):
    url: str = Field(description="An https or data URL.")


class Content(Body):
    """One thing to make the clip from: one `text`, and pictures where the model takes them."""

    type: Literal["text", "image_url", "video_url", "audio_url", "draft_task"]
    text: str | None = None
    image_url: ImageUrl | None = None
    video_url: dict[str, object] | None = None
    audio_url: dict[str, object] | None = None
    draft_task: dict[str, object] | None = None
    role: str | None = None


class CreateTaskBody(Body):
    """What `POST /api/v3/contents/generations/tasks` takes; null is the same as nothing."""

    model: str
    content: Annotated[list[Content], Field(min_length=1, max_length=32)]
    safety_identifier: Annotated[str, Field(max_length=64)] | None = None
    callback_url: Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")] | None = None
    return_last_frame: bool | None = None
    service_tier: Literal["default", "flex"] | None = None
    execution_expires_after: (
        Annotated[WholeNumber, Field(ge=MIN_EXPIRY_S, le=MAX_EXPIRY_S)] | None
    ) = None
    priority: Annotated[WholeNumber, Field(ge=0, le=MAX_PRIORITY)] | None = None
    seed: Annotated[WholeNumber, Field(ge=_AUTO, le=MAX_SEED)] | None = Field(
        default=None, description="-1, the default: a random one."
    )
    resolution: str | None = Field(default=None, description="As `480p`.")
    ratio: str | None = Field(
        default=None, description="As `16:9`; `adaptive` leaves it to the model."
    )
    duration: WholeNumber | None = Field(default=None, description="Seconds.")
    frames: WholeNumber | None = Field(default=None, description="Instead of `duration`.")
    framespersecond: WholeNumber | None = Field(default=None, description="Only the model's own.")
    output_format: Literal["mp4"] | None = None
    generate_audio: bool | None = Field(default=None, description="Clips are silent: only false.")
    draft: bool | None = Field(default=None, description="There are no drafts: only false.")
    camera_fixed: bool | None = Field(default=None, description="Say it in the prompt: only false.")
    watermark: bool | None = Field(
        default=None, description="No visible mark is drawn: only false."
    )
    tools: list[object] | None = Field(
        default=None, description="There are none: only an empty list."
    )
    omni_reference_task_type: str | None = Field(
        default=None, description="Not possible from text."
    )


def body_from_task_fields(fields: dict[str, object]) -> tuple[CreateTaskBody, str]:
    """The checked body with its prompt's words as fields, and the prompt; raises `InvalidRequest`.

    A field of the body counts more than a word of the prompt.
    """
    body = body_from_fields(CreateTaskBody, fields)
    text = _text(body.content)
    prompt, words = split_prompt(text)
    given = {name: value for name, value in fields.items() if value is not None}
    body = body_from_fields(CreateTaskBody, words | given)
    _refuse_impossible(body)
    return body, prompt


def spec_from_task(
    body: CreateTaskBody, prompt: str, card: ModelCard, settings: Settings
) -> VideoSpec:
    """What to make; raises `InvalidRequest` with what the model has instead."""
    return spec_from_request(
        CreateVideoBody(
            prompt=checked_prompt(prompt, settings.max_prompt_chars, "content"),
            model=body.model,
            size=_size(body, card),
            seconds=_duration_s(body, card),
            seed=None if body.seed == _AUTO else body.seed,
        ),
        card,
        settings,
        random_seed=random_seed(),
    )


def terms_from_task(body: CreateTaskBody, settings: Settings, now: datetime) -> JobTerms:
    return JobTerms(
        priority=body.priority or 0,
        service_tier=body.service_tier or "default",
        deadline_at=deadline_from_s(body.execution_expires_after, now),
        region=settings.region,
        callback_url=body.callback_url,
        safety_identifier=body.safety_identifier,
        wants_last_frame=bool(body.return_last_frame),
    )


def pictures_from_task(body: CreateTaskBody) -> PictureSources:
    """The pictures among the content, by their roles; one without a role is the first frame."""
    found: dict[str, PictureSource] = {}
    for item in body.content:
        if item.type != "image_url":
            continue
        role = item.role or _FIRST
        if role not in (_FIRST, _LAST) or item.image_url is None or role in found:
            raise InvalidRequest(
                f"content: a picture needs its url and a role of its own, {_FIRST} or {_LAST}",
                param="content",
                code="invalid_value",
            )
        found[role] = PictureSource(param="content", given=item.image_url.url)
    return PictureSources(first=found.get(_FIRST), last=found.get(_LAST))


_FIRST, _LAST = "first_frame", "last_frame"
"""Ark's roles."""


def _text(content: list[Content]) -> str:
    others = [item.type for item in content if item.type not in ("text", "image_url")]
    if others:
        raise InvalidRequest(
            f"clips are made from text and pictures; leave the {others[0]} out",
            param="content",
            code="unsupported_parameter",
        )
    texts = [item.text for item in content if item.type == "text"]
    if len(texts) != 1 or texts[0] is None:
        raise InvalidRequest(
            'content must have one text: [{"type": "text", "text": "..."}]',
            param="content",
            code="invalid_value",
        )
    return texts[0]


def _refuse_impossible(body: CreateTaskBody) -> None:
    """What Ark's models may do and ours do not is refused, never left out in silence."""
    reasons = {
        "generate_audio": "clips are silent",
        "draft": "there are no drafts",
        "camera_fixed": "the camera cannot be fixed by a field; say it in the prompt",
        "watermark": "no visible mark can be drawn",
        "tools": "there are no tools",
        "omni_reference_task_type": "clips are made from text only",
    }
    for name, reason in reasons.items():
        if getattr(body, name):
            raise InvalidRequest(
                f"{name}: {reason}; leave it out", param=name, code="unsupported_parameter"
            )


def _size(body: CreateTaskBody, card: ModelCard) -> str:
    size_px = size_from_names(body.resolution, body.ratio, card)
    if size_px is None:
        param = "resolution" if body.ratio is None else "ratio"
        asked = " ".join(name for name in (body.resolution, body.ratio) if name)
        raise not_allowed(param, asked, size_names(card), card)
    return size_name(size_px)


def _duration_s(body: CreateTaskBody, card: ModelCard) -> int | None:
    if body.framespersecond not in (None, card.fps):
        raise not_allowed("framespersecond", body.framespersecond, [str(card.fps)], card)
    if body.frames is not None:
        durations_s = {card.num_frames_from_s(item): item for item in sorted(card.durations_s)}
        if body.frames not in durations_s:
            raise not_allowed("frames", body.frames, [str(item) for item in durations_s], card)
        return durations_s[body.frames]
    if body.duration in (None, _AUTO):
        return None
    if body.duration not in card.durations_s:
        allowed = [str(item) for item in sorted(card.durations_s)]
        raise not_allowed("duration", body.duration, allowed, card)
    return body.duration
