"""Where a task's clip can be had: a URL of the storage that lives for a while, or one of ours."""

from __future__ import annotations

from telecine_platform.api.ark.wire import Task, TaskContent, task_from_job
from telecine_platform.api.context import ApiContext
from telecine_platform.api.videos.content import Variant, filename_from_key, released_key
from telecine_platform.records import Job, JobState


def task_with_links(job: Job, context: ApiContext, base_url: str) -> Task:
    """The task, with links where its clip is released; `base_url` is how our caller reaches us."""
    if job.state is not JobState.COMPLETED or job.clip is None:
        return task_from_job(job, None)
    has_last_frame = job.clip.last_frame is not None
    content = TaskContent(
        video_url=_link(job, "video", context, base_url),
        last_frame_url=_link(job, "last_frame", context, base_url) if has_last_frame else None,
    )
    return task_from_job(job, content)


def _link(job: Job, variant: Variant, context: ApiContext, base_url: str) -> str:
    """Without a key where the storage makes URLs; ours asks for the caller's key, as every call."""
    key = released_key(job, variant)
    url_ttl_s = context.settings.signed_url_ttl_s
    url = context.blobs.signed_url(key, url_ttl_s, filename_from_key(job.id, variant, key))
    if url is not None:
        return url
    base_url = context.settings.public_url or base_url
    return f"{base_url.rstrip('/')}/v1/videos/{job.id}/content?variant={variant}"
