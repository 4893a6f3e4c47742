"""A job as Ark's task object. Made from the job record and links to what is released."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from telecine_platform.api.ark.sizes import ratio_name, resolution_name
from telecine_platform.jobs.pages import JobFilter
from telecine_platform.records import OVERDUE, Job, JobState

Status = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
_OPEN = tuple(state for state in JobState if not state.is_final)
_PIXELS_PER_TOKEN = 1024
"""Ark's price list: a clip has width x height x frames / 1024 tokens."""


class TaskError(BaseModel):
    """Why there is no clip."""

    code: str
    message: str


class TaskContent(BaseModel):
    """Where the clip can be had for a while."""

    video_url: str
    last_frame_url: str | None = None
    file_url: str | None = Field(default=None, description="Always null: no other files are made.")


class TaskUsage(BaseModel):
    """The clip's size in Ark's unit."""

    completion_tokens: int
    total_tokens: int


class Task(BaseModel):
    """Ark's content generation task."""

    id: str
    model: str
    status: Status
    error: TaskError | None
    content: TaskContent | None
    usage: TaskUsage | None
    created_at: int = Field(description="Unix seconds, as all times here.")
    updated_at: int
    seed: int
    revised_prompt: str | None = Field(
        description="What is generated instead of the prompt, where that was rewritten."
    )
    resolution: str
    ratio: str
    duration: int
    frames: int
    framespersecond: int
    service_tier: str
    execution_expires_after: int | None
    priority: int
    safety_identifier: str | None
    generate_audio: Literal[False] = False
    draft: Literal[False] = False
    draft_task_id: str | None = None
    tools: list[object] | None = None
    output_format: Literal["mp4"] = "mp4"
    fileformat: Literal["mp4"] = "mp4"
    subdivisionlevel: str | None = None


class TaskId(BaseModel):
    """The receipt of a create."""

    id: str
    safety_identifier: str | None


class TaskList(BaseModel):
    """One page of tasks, and how many there are on all pages."""

    total: int
    items: list[Task]


def task_from_job(job: Job, content: TaskContent | None) -> Task:
    """The job in Ark's words; `content` only where a clip is released."""
    size_px = (job.spec.width_px, job.spec.height_px)
    moved_at = [job.created_at, job.claimed_at, job.finished_at]
    deadline_at = job.terms.deadline_at
    return Task(
        id=job.id,
        model=job.spec.model,
        status=status_from_job(job),
        error=_error_from_job(job),
        content=content,
        usage=_usage_from_job(job),
        created_at=int(job.created_at.timestamp()),
        updated_at=int(max(at for at in moved_at if at is not None).timestamp()),
        seed=job.spec.seed,
        revised_prompt=None if job.rewrite is None else job.rewrite.rewritten_prompt,
        resolution=resolution_name(size_px),
        ratio=ratio_name(size_px),
        duration=job.spec.duration_s,
        frames=job.spec.num_frames,
        framespersecond=job.spec.fps,
        service_tier=job.terms.service_tier,
        execution_expires_after=None
        if deadline_at is None
        else round((deadline_at - job.created_at).total_seconds()),
        priority=job.terms.priority,
        safety_identifier=job.terms.safety_identifier,
    )


def status_from_job(job: Job) -> Status:
    match job.state:
        case JobState.COMPLETED:
            return "succeeded"
        case JobState.CANCELLED:
            return "cancelled"
        case JobState.BLOCKED | JobState.FAILED | JobState.WITHDRAWN:
            return "expired" if job.error is not None and job.error.code == OVERDUE else "failed"
        case _:
            # Once claimed it never looks queued again, neither between stages nor before a retry.
            return "queued" if job.epoch == 0 else "running"


def filter_from_status(status: Status) -> JobFilter:
    """The jobs for which `status_from_job` says `status`."""
    match status:
        case "succeeded":
            return JobFilter(states=(JobState.COMPLETED,))
        case "cancelled":
            return JobFilter(states=(JobState.CANCELLED,))
        case "failed" | "expired":
            ended = (JobState.BLOCKED, JobState.FAILED, JobState.WITHDRAWN)
            return JobFilter(states=ended, was_overdue=status == "expired")
        case "queued" | "running":
            return JobFilter(states=_OPEN, was_claimed=status == "running")


def _usage_from_job(job: Job) -> TaskUsage | None:
    if job.state is not JobState.COMPLETED:
        return None
    spec = job.spec
    num_tokens = spec.width_px * spec.height_px * spec.num_frames // _PIXELS_PER_TOKEN
    return TaskUsage(completion_tokens=num_tokens, total_tokens=num_tokens)


def _error_from_job(job: Job) -> TaskError | None:
    if job.error is not None:
        return TaskError(code=job.error.code, message=job.error.message)
    if job.state is JobState.CANCELLED:
        return TaskError(code="cancelled", message="The task was cancelled.")
    return None
