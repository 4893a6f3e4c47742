"""`/v1/reviews/{job_id}/evidence`: what moderation saw and heard. Readings are in the ledger."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from telecine_platform.api.context import ApiContext, Context, ReviewCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.errors import NotFound
from telecine_platform.evidence.store import CONTENT_TYPES, EvidenceStore
from telecine_platform.ids import JOB_ID_PATTERN

router = APIRouter(prefix="/v1/reviews", tags=["reviews"], responses=RESPONSES)

JobId = Annotated[str, Path(pattern=JOB_ID_PATTERN)]


class ShownView(BaseModel):
    """One thing in one frame, and what was decided about it."""

    check: str
    entity_id: str | None
    action: str
    rule: str
    frame: int
    box: tuple[int, int, int, int] | None
    """Left, top, right, bottom in pixels of the frame; null: the whole frame."""
    score: float
    label: str
    text: str


class HeardView(BaseModel):
    """One thing in the sound, and what was decided about it."""

    check: str
    entity_id: str | None
    action: str
    rule: str
    start_s: float
    end_s: float
    score: float
    label: str
    text: str
    """What was said."""


class SheetView(BaseModel):
    """What one moderation of the job saw and heard."""

    epoch: int
    action: str
    rule: str
    reason_code: str
    frames: list[str]
    """Names to read below `/evidence/{epoch}/`."""
    shown: list[ShownView]
    heard: list[HeardView] = []
    sound: str | None = None
    """Likewise a name to read; null: the sound was not why."""


class EvidenceView(BaseModel):
    """Everything that is kept of a job."""

    job_id: str
    sheets: list[SheetView]


@router.get("/{job_id}/evidence", summary="List what moderation saw")
def list_evidence(job_id: JobId, context: Context, caller: ReviewCaller) -> EvidenceView:
    """What each moderation saw and heard; 404 once it is forgotten, or if there is nothing."""
    sheets = _store(context).sheets(job_id, who=caller.tenant_id, now=context.now())
    if not sheets:
        raise NotFound(f"no evidence is kept of {job_id!r}")
    read = [SheetView.model_validate_json(sheet) for sheet in sheets]
    return EvidenceView(job_id=job_id, sheets=read)


@router.get(
    "/{job_id}/evidence/{epoch}/{name}",
    summary="Get a frame or the sound that moderation kept",
    response_class=Response,
    responses={
        200: {
            "description": "The frame or the sound.",
            "content": {each: {} for each in CONTENT_TYPES.values()},
        }
    },
)
def read_file(
    job_id: JobId,
    epoch: Annotated[int, Path(ge=0, le=2**31 - 1)],
    name: Annotated[str, Path(pattern=r"^(frame-[0-9]{1,6}\.jpg|sound\.m4a)$")],
    context: Context,
    caller: ReviewCaller,
) -> Response:
    """A JPEG or an M4A, for reviewers only."""
    content = _store(context).file(job_id, epoch, name, who=caller.tenant_id, now=context.now())
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    media_type = CONTENT_TYPES[PurePosixPath(name).suffix]
    return Response(content, media_type=media_type, headers=headers)


def _store(context: ApiContext) -> EvidenceStore:
    return EvidenceStore(context.jobs.database, context.blobs)
