"""From a file back to the job that made it: by its manifest, else its mark, else its fingerprint.

A manifest counts only when its signature holds and its signer is trusted here: anybody can sign
that they are us. A mark counts because only a key's holder can make one; but the pattern can be
copied from one of our clips onto a stranger's, so the record's fingerprint is compared with what
the file shows. A fingerprint is a likeness, and is reported as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from telecine_platform.clips.fingerprints import FingerprintSearch, ReleasedFingerprints
from telecine_platform.clips.keys import mark_keys, trusted_roots
from telecine_platform.clips.records import ReleasedClip, ReleasedClips
from telecine_platform.errors import InvalidRequest
from telecine_platform.jobs.database import Database
from telecine_platform.settings import Settings
from telecine_safeguards.errors import ProvenanceError, UnreadableClip
from telecine_safeguards.output.copies import Copies, QueryHashes
from telecine_safeguards.output.fingerprint import query_from_sample
from telecine_safeguards.output.sample import Sample
from telecine_safeguards.provenance.examine import Examined, FoundMark, Limits, examine
from telecine_safeguards.provenance.manifest import ReadManifest, read_manifest


class FoundBy(StrEnum):
    """What led to the record, from the surest to the least sure."""

    MANIFEST = "manifest"
    MARK = "mark"
    FINGERPRINT = "fingerprint"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedUp:
    """What is known of a file."""

    found_by: FoundBy | None
    """None: nothing here says that we made it."""
    clip: ReleasedClip | None
    manifest: ReadManifest | None
    mark: FoundMark | None
    looks_alike: bool | None = None
    """Whether the file shows what the mark's record says; None: it was not, or cannot be compared.
    False: the mark was probably copied onto another clip."""
    distance_bits: int | None = None
    """Of the nearest frames, where the fingerprint found it; PDQ calls up to 31 a match."""


class ProvenanceLookup:
    """Looks files up in one database."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        limits: Limits | None = None,
        fingerprints: FingerprintSearch | None = None,
    ) -> None:
        """Raises `SettingsError` when the marks' keys cannot be read."""
        self._keys = mark_keys(settings)
        self._roots = trusted_roots(settings)
        self._clips = ReleasedClips(database)
        self._fingerprints = fingerprints or ReleasedFingerprints(database)
        self._limits = limits or Limits()

    def look_up(self, file: Path) -> LookedUp:
        """Find the file's record. Raises `InvalidRequest` for what cannot be decoded."""
        manifest = manifest_of(file, self._roots)
        if manifest is not None and manifest.is_valid and manifest.is_trusted and manifest.job_id:
            clip = self._clips.by_job(manifest.job_id)
            if clip is not None:
                return LookedUp(found_by=FoundBy.MANIFEST, clip=clip, manifest=manifest, mark=None)
        try:
            seen = examine(file, self._keys, self._limits)
        except UnreadableClip as error:
            raise InvalidRequest(str(error), param="file", code="unreadable_clip") from error
        if seen.mark is not None:
            # Only a holder of our key makes a mark, so it is ours even if its record is gone.
            clip = self._clips.by_mark(seen.mark.mark_id)
            return LookedUp(
                found_by=FoundBy.MARK,
                clip=clip,
                manifest=manifest,
                mark=seen.mark,
                looks_alike=None if clip is None else self._looks_alike(seen, clip.job_id),
            )
        return self._by_likeness(seen, manifest)

    def _looks_alike(self, seen: Examined, job_id: str) -> bool | None:
        """None: one of both has too little structure to be told from others."""
        kept, query = self._clips.fingerprint(job_id), _query(seen)
        if not len(kept) or not len(query.words):
            return None
        return bool(Copies([kept]).find(query))

    def _by_likeness(self, seen: Examined, manifest: ReadManifest | None) -> LookedUp:
        found = self._fingerprints.find(_query(seen))
        if not found:
            return LookedUp(found_by=None, clip=None, manifest=manifest, mark=None)
        job_id = min(found, key=lambda each: (found[each], each))
        return LookedUp(
            found_by=FoundBy.FINGERPRINT,
            clip=self._clips.by_job(job_id),
            manifest=manifest,
            mark=None,
            distance_bits=found[job_id],
        )


def _query(seen: Examined) -> QueryHashes:
    numbers = tuple(range(len(seen.frames_THWC)))
    return query_from_sample(Sample(frames_THWC=seen.frames_THWC, frame_numbers=numbers))


def manifest_of(file: Path, roots_pem: bytes | None) -> ReadManifest | None:
    """The file's manifest; None where it has none, and where it is no MP4 that could have one."""
    try:
        return read_manifest(file, roots_pem)
    except ProvenanceError:
        return None
