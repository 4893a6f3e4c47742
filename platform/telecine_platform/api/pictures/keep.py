"""Pictures as blobs of their job.

Invariant: a job on record has its pictures, because they are stored before it; what a refused
request left is deleted at once.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from telecine_platform.api.pictures.read import NO_PICTURES, Pictures
from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.records import Job, VideoSpec
from telecine_platform.storage.store import INPUTS, BlobStore, input_key

_CONTENT_TYPE = "image/png"


@contextmanager
def kept(blobs: BlobStore, job_id: str, spec: VideoSpec, pictures: Pictures) -> Iterator[VideoSpec]:
    """Store the pictures, give the spec that names them; deletes them if the block raises."""
    try:
        yield replace(
            spec,
            first_frame=_store(blobs, job_id, "first_frame.png", pictures.first_png),
            last_frame=_store(blobs, job_id, "last_frame.png", pictures.last_png),
        )
    except BaseException:
        delete_pictures(blobs, job_id, pictures)
        raise


def delete_pictures(blobs: BlobStore, job_id: str, pictures: Pictures) -> None:
    """Blocks; a request without pictures costs nothing."""
    if pictures != NO_PICTURES:
        blobs.delete(f"{INPUTS}/{job_id}")


def pictures_of(job: Job, blobs: BlobStore) -> Pictures:
    """Those of an earlier job, for its remix. Raises InvalidRequest if they are gone."""
    try:
        first_png, last_png = (
            None if key is None else b"".join(blobs.read(key))
            for key in (job.spec.first_frame, job.spec.last_frame)
        )
    except NotFound as error:
        raise InvalidRequest(
            f"the picture that {job.id} was made from is gone; send it with a new request",
            param="video_id",
        ) from error
    return Pictures(first_png=first_png, last_png=last_png)


def digest_of(pictures: Pictures) -> str:
    """What tells one request's pictures from another's."""
    parts = (pictures.first_png or b"", pictures.last_png or b"")
    return " ".join(hashlib.sha256(part).hexdigest() for part in parts)


def _store(blobs: BlobStore, job_id: str, name: str, png: bytes | None) -> str | None:
    if png is None:
        return None
    key = input_key(job_id, name)
    with tempfile.TemporaryDirectory(prefix="telecine-picture-") as folder:
        path = Path(folder) / name
        path.write_bytes(png)
        blobs.create(key, path, _CONTENT_TYPE)
    return key
