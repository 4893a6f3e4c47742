"""The OpenAI Videos API's bodies <-> records.

Invariant: a `Video` is made from the job record alone and shows no storage key, so an unreleased
clip cannot leak through it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field

from telecine_platform.api.shapes import optional_unix_s
from telecine_platform.records import Job, JobState, Stage
from telecine_platform.scheduling.forecast import Forecast

Status = Literal["queued", "in_progress", "completed", "failed"]


class VideoError(BaseModel):
    """Why there is no clip. A blocked request has the safeguard's reason here."""

    code: str
    message: str


class Video(BaseModel):
    """OpenAI's video object, plus the seed and the time that the model worked."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int = Field(description="Per cent of the denoising steps.")
    created_at: int = Field(description="Unix seconds, as all times here.")
    completed_at: int | None = Field(description="When the job ended, well or not.")
    expires_at: int | None = Field(description="Until when the clip can be downloaded.")
    prompt: str
    stage: Stage = Field(description="`screening`, `generation` or `moderation`, where it is now.")
    remixed_from_video_id: str | None = None
    seconds: str
    size: str
    seed: int
    error: VideoError | None
    rewritten_prompt: str | None = Field(
        None, description="What is generated instead of `prompt`, where that was rewritten."
    )
    notice: str | None = Field(
        None, description="What was changed and why, or what is being waited for."
    )
    priority: int
    deadline_at: int | None = Field(description="Not completed by then, it fails as `expired`.")
    predicted_start_at: int | None = Field(
        default=None, description="When the generation will begin, as it looks now."
    )
    predicted_finish_at: int | None = Field(
        default=None, description="When the video will be completed, as it looks now."
    )
    inference_time_s: float | None = Field(
        None, description="How long the generation stage worked; only on a completed video."
    )


class VideoList(BaseModel):
    """One page of videos."""

    object: Literal["list"] = "list"
    data: list[Video]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedVideo(BaseModel):
    """The receipt of a deletion."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


def video_from_job(job: Job, *, result_ttl_s: float, forecast: Forecast | None = None) -> Video:
    """The job as its caller sees it."""
    expires_at = None
    if job.state is JobState.COMPLETED and job.finished_at is not None:
        expires_at = int((job.finished_at + timedelta(seconds=result_ttl_s)).timestamp())
    return Video(
        id=job.id,
        model=job.spec.model,
        status=status_from_state(job.state, job.epoch),
        progress=job.progress,
        created_at=int(job.created_at.timestamp()),
        completed_at=optional_unix_s(job.finished_at),
        expires_at=expires_at,
        prompt=job.spec.prompt,
        stage=job.stage,
        remixed_from_video_id=job.terms.remixed_from,
        seconds=str(job.spec.duration_s),
        size=f"{job.spec.width_px}x{job.spec.height_px}",
        seed=job.spec.seed,
        error=_error_from_job(job),
        rewritten_prompt=None if job.rewrite is None else job.rewrite.rewritten_prompt,
        notice=_notice_from_job(job),
        priority=job.terms.priority,
        deadline_at=optional_unix_s(job.terms.deadline_at),
        predicted_start_at=None if forecast is None else optional_unix_s(forecast.start_at),
        predicted_finish_at=None if forecast is None else optional_unix_s(forecast.finish_at),
        inference_time_s=job.generation_s if job.state is JobState.COMPLETED else None,
    )


def status_from_state(state: JobState, epoch: int) -> Status:
    """OpenAI knows four words; its SDK stops polling at any other."""
    match state:
        case JobState.COMPLETED:
            return "completed"
        case JobState.BLOCKED | JobState.FAILED | JobState.CANCELLED | JobState.WITHDRAWN:
            return "failed"
        case JobState.QUEUED | JobState.RUNNING | JobState.HELD | JobState.HALTED:
            # Once claimed it never looks queued again, neither between stages nor before a retry.
            return "queued" if epoch == 0 else "in_progress"


def _notice_from_job(job: Job) -> str | None:
    if job.state is JobState.HELD:
        return job.verdicts[-1].message
    if job.state is JobState.HALTED:
        return "This video waits: the operator has halted its model, its region or your account."
    if job.rewrite is None or job.error is not None:
        return None
    added = job.rewrite.added_negative_prompt
    return job.rewrite.message + (f" Kept out of the clip: {added}." if added else "")


def _error_from_job(job: Job) -> VideoError | None:
    if job.error is not None:
        return VideoError(code=job.error.code, message=job.error.message)
    if job.state is JobState.CANCELLED:
        return VideoError(code="cancelled", message="The video was cancelled.")
    return None
