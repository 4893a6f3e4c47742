"""`/v1/reviews/{job_id}/evidence`: what moderation saw in a clip. Readings are in the ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from telecine_platform.api.context import ApiContext, Context, ReviewCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.errors import NotFound
from telecine_platform.evidence.store import FRAME_TYPE, EvidenceStore
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


class SheetView(BaseModel):
    """What one moderation of the job saw."""

    epoch: int
    action: str
    rule: str
    reason_code: str
    frames: list[str]
    """Names to read below `/evidence/{epoch}/`."""
    shown: list[ShownView]


class EvidenceView(BaseModel):
    """Everything that is kept of a job."""

    job_id: str
    sheets: list[SheetView]


@router.get("/{job_id}/evidence", summary="List what moderation saw")
def list_evidence(job_id: JobId, context: Context, caller: ReviewCaller) -> EvidenceView:
    """Frames, boxes and scores of each moderation; 404 once they are forgotten, or if none are."""
    sheets = _store(context).sheets(job_id, who=caller.tenant_id, now=context.now())
    if not sheets:
        raise NotFound(f"no evidence is kept of {job_id!r}")
    read = [SheetView.model_validate_json(sheet) for sheet in sheets]
    return EvidenceView(job_id=job_id, sheets=read)


@router.get(
    "/{job_id}/evidence/{epoch}/{name}",
    summary="Look at a frame that moderation kept",
    response_class=Response,
    responses={200: {"description": "The frame.", "content": {FRAME_TYPE: {}}}},
)
def read_frame(
    job_id: JobId,
    epoch: Annotated[int, Path(ge=0, le=2**31 - 1)],
    name: Annotated[str, Path(pattern=r"^frame-[0-9]{1,6}\.jpg$")],
    context: Context,
    caller: ReviewCaller,
) -> Response:
    """A JPEG, for a reviewer's eyes only."""
    content = _store(context).frame(job_id, epoch, name, who=caller.tenant_id, now=context.now())
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(content, media_type=FRAME_TYPE, headers=headers)


def _store(context: ApiContext) -> EvidenceStore:
    return EvidenceStore(context.jobs.database, context.blobs)
