"""Where a request's pictures are: in the body, behind a URL, or nowhere; and getting them.

Invariant: a URL is reached by the guarded fetcher only, and neither it nor a file's name is kept or
logged.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from telecine_platform.api.bodies import UploadedFile
from telecine_platform.api.context import ApiContext
from telecine_platform.api.pictures.decode import (
    CONTENT_TYPES,
    MAX_PICTURE_BYTES,
    png_from_picture,
)
from telecine_platform.catalogue import ImageUse, ModelCard
from telecine_platform.errors import FetchFailed, FetchRefused, InvalidRequest
from telecine_platform.fetch.fetcher import FetchRequest
from telecine_platform.records import VideoSpec

_DATA_URL = re.compile(r"data:image/(?:png|jpeg|webp);base64,(.*)", re.DOTALL)
_FETCH_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSource:
    """One picture as the request has it."""

    param: str
    """The field that it came in, for errors."""
    given: UploadedFile | str = field(repr=False)
    """The file itself, or a URL (`https:` or `data:`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureSources:
    """Of one request."""

    first: PictureSource | None = None
    last: PictureSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """PNGs of the clip's size."""

    first_png: bytes | None = field(default=None, repr=False)
    last_png: bytes | None = field(default=None, repr=False)


NO_PICTURES = Pictures()


def check_pictures(sources: PictureSources, card: ModelCard, *, first_param: str) -> None:
    """Raise InvalidRequest unless the model takes just these."""
    for what, source, use, param in (
        ("first frame", sources.first, card.first_frame, first_param),
        ("last frame", sources.last, card.last_frame, first_param),
    ):
        if source is None and use is ImageUse.REQUIRED:
            raise InvalidRequest(
                f"{card.name} needs a picture as {what}",
                param=param,
                code="missing_required_parameter",
            )
        if source is not None and use is ImageUse.NEVER:
            takes_none = card.first_frame is ImageUse.NEVER
            reason = "makes clips from text only" if takes_none else f"takes no {what}"
            raise InvalidRequest(
                f"{card.name} {reason}; leave {source.param} out",
                param=source.param,
                code="unsupported_parameter",
            )


async def read_pictures(context: ApiContext, sources: PictureSources, spec: VideoSpec) -> Pictures:
    """Get and decode them; raises InvalidRequest naming the field."""
    size_px = (spec.width_px, spec.height_px)

    async def png(source: PictureSource | None) -> bytes | None:
        if source is None:
            return None
        content = await _content(context, source)
        return await run_in_threadpool(png_from_picture, content, size_px, source.param)

    return Pictures(first_png=await png(sources.first), last_png=await png(sources.last))


async def _content(context: ApiContext, source: PictureSource) -> bytes:
    if isinstance(source.given, UploadedFile):
        return source.given.content
    if source.given.startswith("data:"):
        return _content_of_data_url(source.given, source.param)
    request = FetchRequest(
        url=source.given,
        timeout_s=_FETCH_TIMEOUT_S,
        max_bytes=MAX_PICTURE_BYTES,
        content_types=frozenset(CONTENT_TYPES.values()),
    )
    try:
        fetched = await context.fetcher.fetch(request)
    except (FetchRefused, FetchFailed) as error:
        raise InvalidRequest(
            f"{source.param}: {error}", param=source.param, code=error.code
        ) from error
    if fetched.status != 200:
        raise InvalidRequest(
            f"{source.param}: the picture's server answered {fetched.status}",
            param=source.param,
            code=FetchFailed.code,
        )
    return fetched.body


def _content_of_data_url(url: str, param: str) -> bytes:
    match = _DATA_URL.fullmatch(url)
    try:
        if match is not None:
            return base64.b64decode(match.group(1), validate=True)
    except (binascii.Error, ValueError):
        pass  # said below, for both kinds of damage
    raise InvalidRequest(
        f"{param} is no data URL of a picture: write data:image/png;base64,...",
        param=param,
        code="invalid_image",
    )
