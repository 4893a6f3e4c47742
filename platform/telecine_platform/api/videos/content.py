"""Released bytes: a redirect where the storage makes URLs, else a stream with ranges.

Invariant: the key comes from a completed job's clip and lies below that job's results. Whatever
else the database may hold, nothing from quarantine leaves here.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response, StreamingResponse

from telecine_platform.api.problems import unsatisfiable_range
from telecine_platform.api.videos.ranges import is_range_current, is_unchanged, range_from_header
from telecine_platform.api.videos.wire import status_from_state
from telecine_platform.errors import ClipNotReady, ClipWithdrawn, NotFound, TelecineError
from telecine_platform.records import Job, JobState
from telecine_platform.storage.store import RESULTS, BlobInfo, BlobStore

Variant = Literal["video", "thumbnail", "spritesheet", "last_frame"]


def response_from_clip(
    job: Job, variant: Variant, blobs: BlobStore, *, method: str, headers: Headers, url_ttl_s: int
) -> Response:
    """The answer to a request for one of the clip's three files. Blocks on the storage.

    Raises `ClipNotReady` unless the job is completed, `NotFound` when its file is gone.
    """
    key = released_key(job, variant)
    filename = filename_from_key(job.id, variant, key)
    try:
        # A signed URL is good for GET alone, so HEAD is answered here.
        url = None if method == "HEAD" else blobs.signed_url(key, url_ttl_s, filename)
        if url is not None:
            return RedirectResponse(url, 302, headers={"cache-control": "no-store"})
        return _stream(blobs, blobs.info(key), filename, method, headers)
    except NotFound as error:
        raise NotFound(f"the {variant} of {job.id} is no longer stored; make it anew") from error


def released_key(job: Job, variant: Variant) -> str:
    """The key of the clip's file; the one place that decides whether there is one to give."""
    if job.state is not JobState.COMPLETED or job.clip is None:
        raise _not_ready(job)
    key = {
        "video": job.clip.video,
        "thumbnail": job.clip.thumbnail,
        "spritesheet": job.clip.spritesheet,
        "last_frame": job.clip.last_frame,
    }[variant]
    if key is None:
        raise NotFound(f"{job.id} has no {variant}: it was not asked for when the clip was made")
    if not key.startswith(f"{RESULTS}/{job.id}/"):
        raise TelecineError(f"job {job.id} is completed, but its {variant} is not in its results")
    return key


def filename_from_key(job_id: str, variant: Variant, key: str) -> str:
    """What the caller's browser saves: `video_….mp4`, `video_…_thumbnail.webp`."""
    suffix = PurePosixPath(key).suffix
    return f"{job_id}{suffix}" if variant == "video" else f"{job_id}_{variant}{suffix}"


def _stream(
    blobs: BlobStore, info: BlobInfo, filename: str, method: str, headers: Headers
) -> Response:
    etag = f'"{info.sha256}"'
    sent = {
        "accept-ranges": "bytes",
        # Kept copies are checked again each time: a takedown counts at once.
        "cache-control": "private, no-cache",
        "content-disposition": f'attachment; filename="{filename}"',
        "etag": etag,
    }
    if is_unchanged(headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=sent)
    if method == "HEAD":
        sent["content-length"] = str(info.size_bytes)
        return Response(headers=sent, media_type=info.content_type)
    part = None
    if is_range_current(headers.get("if-range"), etag):
        part = range_from_header(headers.get("range"), info.size_bytes)
    if part is None:
        sent["content-length"] = str(info.size_bytes)
        return StreamingResponse(blobs.read(info.key), 200, sent, info.content_type)
    if not part.is_satisfiable:
        return unsatisfiable_range(info.size_bytes)
    sent["content-length"] = str(part.end - part.start)
    sent["content-range"] = f"bytes {part.start}-{part.end - 1}/{info.size_bytes}"
    chunks = blobs.read(info.key, part.start, part.end)
    return StreamingResponse(chunks, 206, sent, info.content_type)


def _not_ready(job: Job) -> ClipNotReady | ClipWithdrawn:
    if job.state is JobState.WITHDRAWN:
        reason = "it was taken down" if job.error is None else job.error.message
        return ClipWithdrawn(f"{job.id}: {reason}", param="video_id")
    if not job.state.is_final:
        return ClipNotReady(
            f"{job.id} is {status_from_state(job.state, job.epoch)}: ask for its content "
            f"when GET /v1/videos/{job.id} says completed",
            param="video_id",
        )
    ended = {JobState.BLOCKED: "was blocked", JobState.CANCELLED: "was cancelled"}
    reason = "" if job.error is None else f": {job.error.message}"
    return ClipNotReady(
        f"{job.id} has no clip, it {ended.get(job.state, 'failed')}{reason}",
        param="video_id",
        code="video_failed",
    )
