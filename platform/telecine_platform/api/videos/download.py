"""`/v1/videos/{video_id}/content`: the clip and its pictures."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from telecine_platform.api.context import Context, Reader
from telecine_platform.api.job_ids import checked_job_id
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.videos.content import Variant, response_from_clip

router = APIRouter(prefix="/v1/videos", tags=["videos"], responses=RESPONSES)


@router.head("/{video_id}/content", include_in_schema=False)
@router.get(
    "/{video_id}/content",
    summary="Download a video",
    response_class=Response,
    responses={
        200: {"description": "The whole file.", "content": {"application/octet-stream": {}}},
        206: {"description": "The part that `Range` asked for."},
        302: {"description": "The file is at `Location`, for a short while, without a key."},
        304: {"description": "`If-None-Match` names the file's `ETag`."},
    },
)
def download_video(
    video_id: str,
    request: Request,
    context: Context,
    tenant_id: Reader,
    variant: Variant = "video",
) -> Response:
    """The clip or one of its pictures. 400 until the video is completed."""
    return response_from_clip(
        context.jobs.get(checked_job_id(video_id), tenant_id),
        variant,
        context.blobs,
        method=request.method,
        headers=request.headers,
        url_ttl_s=context.settings.signed_url_ttl_s,
    )
