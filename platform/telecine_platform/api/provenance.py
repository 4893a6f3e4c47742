"""`POST /v1/provenance/lookup`: where a clip came from.

A stranger learns whether a clip was made here, when and by which model; its owner learns which job;
the `review` scope sees the whole record.
"""

from __future__ import annotations

import logging
import tempfile
import threading
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from telecine_platform.access.callers import Caller, Scope
from telecine_platform.api.bodies import MULTIPART, UploadedFile, fields_from_request
from telecine_platform.api.context import ApiContext, Context, ReadingCaller
from telecine_platform.api.problems import RESPONSES
from telecine_platform.api.shapes import optional_unix_s
from telecine_platform.clips.lookup import FoundBy, LookedUp, ProvenanceLookup
from telecine_platform.clips.records import ReleasedClip
from telecine_platform.errors import InvalidRequest, SettingsError, TooManyRequests
from telecine_safeguards.provenance.manifest import ReadManifest, mark_text

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/v1/provenance", tags=["provenance"], responses=RESPONSES)

MAX_AT_ONCE = 2
"""Look-ups of one API process: each takes a core for some seconds."""
RETRY_AFTER_S = 5.0
_FORM: dict[str, Any] = {  # Any: OpenAPI's own nesting
    "requestBody": {
        "required": True,
        "content": {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class ManifestView(BaseModel):
    """What the file's C2PA manifest is worth."""

    is_valid: bool = Field(description="The signature holds and no byte was changed since.")
    is_trusted: bool = Field(description="Its signer's root is trusted by this installation.")
    problems: list[str] = Field(description="C2PA's codes.")
    signer: str


class RecordView(BaseModel):
    """The generation record, for auditors."""

    epoch: int
    tenant_id: str
    mark: str | None
    num_corrected_bits: int | None = Field(description="Of the mark's 127, if it was read.")
    distance_bits: int | None = Field(description="Of the fingerprint, if that found it.")
    file_sha256: str | None = Field(description="Of the file as it was published.")
    registry_version: str | None
    licences: list[str]
    is_deleted: bool


class LookupView(BaseModel):
    """What is known of a file."""

    object: Literal["provenance.lookup"] = "provenance.lookup"
    is_found: bool
    found_by: FoundBy | None = Field(description="`fingerprint` is a likeness, not a proof.")
    looks_alike: bool | None = Field(
        None,
        description="Where the mark found it: whether the file shows what was released with it. "
        "False: the mark was probably copied from another clip.",
    )
    manifest: ManifestView | None
    model: str | None = None
    released_at: int | None = None
    video_id: str | None = Field(None, description="For the clip's owner and auditors.")
    record: RecordView | None = Field(None, description="Needs the scope `review`.")


class LookupDesk:
    """One process's look-ups: so many at once, the keys read when first needed."""

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._places = threading.BoundedSemaphore(MAX_AT_ONCE)

    def look_up(self, content: bytes) -> LookedUp:
        """Raises `TooManyRequests` when all places are taken, `InvalidRequest` for a bad file."""
        if not self._places.acquire(blocking=False):
            raise TooManyRequests(
                f"{MAX_AT_ONCE} files are looked up already; try again in {RETRY_AFTER_S:g} s",
                code="lookup_busy",
                retry_after_s=RETRY_AFTER_S,
            )
        try:
            lookup = self._lookup()
            with tempfile.TemporaryDirectory(prefix="telecine-lookup-") as folder:
                file = Path(folder) / "clip.mp4"
                file.write_bytes(content)
                return lookup.look_up(file)
        finally:
            self._places.release()

    def _lookup(self) -> ProvenanceLookup:
        try:
            return ProvenanceLookup(self._context.settings, self._context.jobs.database)
        except SettingsError as error:  # not quoted: it names the operator's files
            raise InvalidRequest(
                "look-ups are not set up here: the operator has to set mark_keys_file, the same "
                "on every machine, and the roots that are trusted",
                code="provenance_not_set_up",
            ) from error


async def _desk(request: Request) -> LookupDesk:
    desk = request.app.state.lookup_desk
    assert isinstance(desk, LookupDesk)  # app.state is untyped; `create_app` put it there
    return desk


@router.post("/lookup", summary="Where does a clip come from?", openapi_extra=_FORM)
async def look_up(
    request: Request,
    _context: Context,
    caller: ReadingCaller,
    desk: Annotated[LookupDesk, Depends(_desk)],
) -> LookupView:
    """Look for the file's manifest, else its invisible mark, else clips that look like it."""
    content = _file_from_fields(await fields_from_request(request))
    found = await run_in_threadpool(desk.look_up, content)
    logger.info(
        "looked up",
        extra={"action": "looked_up", "found_by": found.found_by, "who": caller.tenant_id},
    )
    return view_from_lookup(found, caller)


def view_from_lookup(found: LookedUp, caller: Caller) -> LookupView:
    """As much of it as the caller may see."""
    clip = found.clip
    is_auditor = caller.is_admin or Scope.REVIEW in caller.scopes
    is_owner = clip is not None and clip.tenant_id == caller.tenant_id
    return LookupView(
        is_found=found.found_by is not None,
        found_by=found.found_by,
        looks_alike=found.looks_alike,
        manifest=None if found.manifest is None else _manifest_view(found.manifest),
        model=None if clip is None else clip.model,
        released_at=_day(None if clip is None else clip.released_at, exact=is_owner or is_auditor),
        video_id=clip.job_id if clip is not None and (is_owner or is_auditor) else None,
        record=_record_view(found, clip) if clip is not None and is_auditor else None,
    )


def _file_from_fields(fields: dict[str, object]) -> bytes:
    unknown = sorted(set(fields) - {"file"})
    if unknown:
        raise InvalidRequest(
            f"unknown field {unknown[0]!r}: send the clip as `file`", param=unknown[0]
        )
    file = fields.get("file")
    if not isinstance(file, UploadedFile):
        raise InvalidRequest(
            f"send the clip as the file `file` of a {MULTIPART} body", param="file"
        )
    if not file.content:
        raise InvalidRequest("the file is empty", param="file", code="unreadable_clip")
    return file.content


def _manifest_view(manifest: ReadManifest) -> ManifestView:
    return ManifestView(
        is_valid=manifest.is_valid,
        is_trusted=manifest.is_trusted,
        problems=list(manifest.problems),
        signer=manifest.signer[:200],
    )


def _record_view(found: LookedUp, clip: ReleasedClip) -> RecordView:
    return RecordView(
        epoch=clip.epoch,
        tenant_id=clip.tenant_id,
        mark=None if clip.mark_id is None else mark_text(clip.mark_id),
        num_corrected_bits=None if found.mark is None else found.mark.num_corrected,
        distance_bits=found.distance_bits,
        file_sha256=clip.file_sha256,
        registry_version=clip.registry_version,
        licences=list(clip.grants),
        is_deleted=clip.is_deleted,
    )


def _day(at: datetime | None, *, exact: bool) -> int | None:
    """A stranger learns the day, not the second."""
    if at is not None and not exact:
        at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return optional_unix_s(at)
