"""The calls of OpenAI's SDK that need a clip or a picture as input: no model here takes one.

They answer like every other wrong request, so that a program that tries them learns why.
"""

from __future__ import annotations

from fastapi import APIRouter

from telecine_platform.api.context import Context, Reader, Submitter
from telecine_platform.errors import InvalidRequest, NotFound

router = APIRouter(prefix="/v1/videos", include_in_schema=False)


@router.post("/edits")
async def edit_video(context: Context, _tenant_id: Submitter) -> None:
    raise _text_only(
        context.card_for(None).name, "edit a clip", "remix the video with another prompt"
    )


@router.post("/extensions")
async def extend_video(context: Context, _tenant_id: Submitter) -> None:
    raise _text_only(context.card_for(None).name, "go on with a clip", "ask for a longer video")


@router.post("/characters")
async def create_character(context: Context, _tenant_id: Submitter) -> None:
    raise _text_only(context.card_for(None).name, "learn a character", "describe it in the prompt")


@router.get("/characters/{character_id}")
async def retrieve_character(character_id: str, _tenant_id: Reader) -> None:
    raise NotFound(f"no character {character_id[:100]!r}: the model here knows none")


def _text_only(model: str, what: str, instead: str) -> InvalidRequest:
    return InvalidRequest(
        f"{model} makes clips from text only and cannot {what}; {instead}",
        param="video",
        code="unsupported_operation",
    )
