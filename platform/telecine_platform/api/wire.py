"""The OpenAI Videos API's bodies <-> records.

Invariant: a `Video` is made from the job record alone and shows no storage key, so an unreleased
clip cannot leak through it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telecine_platform.api.numbers import DecimalNumber, WholeNumber
from telecine_platform.api.validation import invalid_request_from_errors
from telecine_platform.errors import InvalidRequest
from telecine_platform.records import Job, JobState, Stage

MAX_SEED = 2**63 - 1
"""torch's generators take a signed 64-bit seed."""
MIN_GUIDANCE, MAX_GUIDANCE = 1.0, 20.0
"""1 means no guidance; more than 20 is a slip of the pen: pictures burn out long before."""


class CreateVideoBody(BaseModel):
    """What `POST /v1/videos` takes. The last four go beyond OpenAI's API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str = Field(description="What the clip shows.")
    model: str | None = Field(None, description="Default: the model that is served.")
    seconds: WholeNumber | None = Field(None, description="One of the model's `limits.seconds`.")
    size: str | None = Field(None, description="One of the model's `limits.sizes`, as `832x480`.")
    negative_prompt: str | None = Field(None, description="What the clip shall not show.")
    seed: Annotated[WholeNumber, Field(ge=0, le=MAX_SEED)] | None = Field(
        None, description="The same seed and request make the same clip. Default: random."
    )
    num_steps: Annotated[WholeNumber, Field(ge=1)] | None = Field(
        None, description="Denoising steps, at most the model's `limits.max_num_steps`."
    )
    guidance_scale: Annotated[DecimalNumber, Field(ge=MIN_GUIDANCE, le=MAX_GUIDANCE)] | None = (
        Field(None, description="How closely the prompt is followed.")
    )


class VideoError(BaseModel):
    """Why there is no clip. A blocked request has the safeguard's reason here."""

    code: str
    message: str


class Video(BaseModel):
    """OpenAI's video object, plus the seed and the time that the model worked."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Literal["queued", "in_progress", "completed", "failed"]
    progress: int = Field(description="Per cent of the denoising steps.")
    created_at: int = Field(description="Unix seconds, as all times here.")
    completed_at: int | None = Field(description="When the job ended, well or not.")
    expires_at: int | None = Field(description="Until when the clip can be downloaded.")
    prompt: str
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


class Transition(Protocol):
    """What is read of one line of a job's history."""

    @property
    def at(self) -> datetime: ...
    @property
    def stage(self) -> str: ...
    @property
    def state(self) -> str: ...


def body_from_fields(fields: dict[str, object]) -> CreateVideoBody:
    """Check a request's fields one by one; raises `InvalidRequest` naming the first wrong one."""
    given = dict(fields)
    for name in fields:
        if name.split("[")[0] == "input_reference" and given.pop(name) not in (None, ""):
            raise InvalidRequest(
                "this model makes clips from text only; leave input_reference out",
                param="input_reference",
                code="unsupported_parameter",
            )
    try:
        return CreateVideoBody.model_validate(given)
    except ValidationError as error:
        raise invalid_request_from_errors(error.errors(include_input=False)) from error


def video_from_job(
    job: Job, *, result_ttl_s: float, inference_time_s: float | None = None
) -> Video:
    """The job as its caller sees it."""
    expires_at = None
    if job.state is JobState.COMPLETED and job.finished_at is not None:
        expires_at = int((job.finished_at + timedelta(seconds=result_ttl_s)).timestamp())
    return Video(
        id=job.id,
        model=job.spec.model,
        status=status_from_job(job),
        progress=job.progress,
        created_at=int(job.created_at.timestamp()),
        completed_at=None if job.finished_at is None else int(job.finished_at.timestamp()),
        expires_at=expires_at,
        prompt=job.spec.prompt,
        seconds=str(job.spec.duration_s),
        size=f"{job.spec.width_px}x{job.spec.height_px}",
        seed=job.spec.seed,
        error=_error_from_job(job),
        rewritten_prompt=None if job.rewrite is None else job.rewrite.rewritten_prompt,
        notice=_notice_from_job(job),
        inference_time_s=inference_time_s,
    )


def status_from_job(job: Job) -> Literal["queued", "in_progress", "completed", "failed"]:
    """OpenAI knows four words; its SDK stops polling at any other."""
    match job.state:
        case JobState.COMPLETED:
            return "completed"
        case JobState.BLOCKED | JobState.FAILED | JobState.CANCELLED:
            return "failed"
        case JobState.QUEUED | JobState.RUNNING | JobState.HELD:
            # Once claimed it never looks queued again, neither between stages nor before a retry.
            return "queued" if job.epoch == 0 else "in_progress"


def inference_time_s_from_history(history: Sequence[Transition]) -> float | None:
    """Seconds from the last claim of the generation stage to its hand-over; None without one."""
    claimed_at: datetime | None = None
    for item in history:
        if item.stage == Stage.GENERATION and item.state == JobState.RUNNING:
            claimed_at = item.at
        elif item.stage == Stage.MODERATION and claimed_at is not None:
            return (item.at - claimed_at).total_seconds()
    return None


def _notice_from_job(job: Job) -> str | None:
    if job.state is JobState.HELD:
        return job.verdicts[-1].message
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
