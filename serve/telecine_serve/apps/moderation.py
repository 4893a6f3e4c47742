"""Moderation: look at the clip, then mark, encode, sign and publish it.

Invariant: nothing is published unlooked at, unmarked or unsigned; an error on the way ends the
attempt, not the invariant.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from telecine_platform.clips.keys import clip_signer, mark_keys
from telecine_platform.clips.records import Provenance, new_mark_id
from telecine_platform.clock import utc_now
from telecine_platform.errors import CheckUnanswered, NotFound
from telecine_platform.evidence.store import EvidenceStore
from telecine_platform.jobs.database import Database
from telecine_platform.jobs.held import APPROVED
from telecine_platform.jobs.lease import Lease
from telecine_platform.records import ClipKeys, Job
from telecine_platform.rights.screening import policy_from_file
from telecine_platform.settings import Settings
from telecine_platform.storage.store import BlobStore, result_key
from telecine_platform.takedowns.desk import TakedownDesk
from telecine_platform.transitions import MAX_RESTYLES
from telecine_safeguards.output.evidence import evidence_from_rounds
from telecine_safeguards.output.fingerprint import fingerprint_from_sample
from telecine_safeguards.output.masking import Masked, moderate_and_mask
from telecine_safeguards.output.moderate import OutputModeration
from telecine_safeguards.output.sample import sample_clip
from telecine_safeguards.policy import CHECK_FAILED
from telecine_safeguards.policy_rules import Circumstances
from telecine_safeguards.provenance.embed import embed
from telecine_safeguards.provenance.manifest import Generation, sign_clip
from telecine_safeguards.verdict import Action, Checkpoint, Verdict
from telecine_serve.apps.looks import new_looks
from telecine_serve.apps.registry import following
from telecine_serve.media.clip_array import Frames
from telecine_serve.media.encode import MP4_CONTENT_TYPE, encode_mp4
from telecine_serve.media.evidence import write_evidence
from telecine_serve.media.frames import read_frames
from telecine_serve.media.label import is_labelled, labelled
from telecine_serve.media.thumbnails import (
    LAST_FRAME_CONTENT_TYPE,
    SPRITESHEET_CONTENT_TYPE,
    THUMBNAIL_CONTENT_TYPE,
    write_last_frame,
    write_spritesheet,
    write_thumbnail,
)
from telecine_serve.stage import Block, Hold, MakeAgain, Outcome, Release

LAST_FRAME = "last_frame.png"
UNSIGNED = "unsigned.mp4"


class ModerationWorker:
    """Holds the checks for the registry in force."""

    def __init__(self, settings: Settings, database: Database, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._evidence = EvidenceStore(database, blobs)
        self._label_regions = settings.label_regions
        self._mark_key = mark_keys(settings)[0]
        self._signer = clip_signer(settings, utc_now())
        self._takedowns = TakedownDesk(settings, database, blobs)
        self._takedowns.start()
        self._region = settings.region
        self._max_attempts = settings.max_attempts
        self.looks = new_looks(settings)
        rules = policy_from_file(settings.policy_file)
        self._moderation = following(
            settings,
            database,
            lambda registry: OutputModeration(registry, self.looks, rules),
        )

    def work(self, job: Job, lease: Lease) -> Outcome:
        if job.draft is None:
            raise NotFound(f"job {job.id} reached moderation without a draft")
        with tempfile.TemporaryDirectory(prefix="telecine-clip-") as name:
            folder = Path(name)
            draft = folder / "draft.mkv"
            self._blobs.download(job.draft, draft)
            frames_THWC, fps = read_frames(draft)
            lease.check()
            draft_THWC = frames_THWC
            masked = moderate_and_mask(
                self._moderation.current, draft_THWC, fps, self._asked(job), draft
            )
            frames_THWC, verdict = masked.frames_THWC, masked.verdict
            lease.check()
            self._keep_evidence(job, draft, draft_THWC, masked)
            stop = outcome_before_release(verdict, job, self._max_attempts)
            if stop is not None:
                return stop
            verdict = released(verdict)
            mark_id = new_mark_id()
            frames_THWC = self._marked(job, frames_THWC, mark_id)
            lease.check()
            comment = {"comment": f"telecine {job.id}"}
            encode_mp4(folder / UNSIGNED, frames_THWC, fps, comment, draft)
            self._sign(job, folder, verdict, mark_id)
            write_thumbnail(folder / "thumbnail.webp", frames_THWC)
            write_spritesheet(folder / "spritesheet.jpg", frames_THWC)
            if job.terms.wants_last_frame:
                write_last_frame(folder / LAST_FRAME, frames_THWC)
            provenance = Provenance(
                mark_id=mark_id,
                file_sha256=_sha256(folder / "clip.mp4"),
                fingerprint=fingerprint_from_sample(sample_clip(frames_THWC, fps)),
                registry_version=verdict.registry_version,
                grants=job.grant_ids,
            )
            lease.check()
            clip = self._publish(job, folder)
            return Release(clip=clip, verdict=verdict, provenance=provenance)

    def check_health(self) -> None:
        """A check whose process is gone starts a new one; one that fails is seen on its job."""

    def close(self) -> None:
        self._takedowns.close()
        self._moderation.close()
        self.looks.close()

    def _keep_evidence(self, job: Job, draft: Path, draft_THWC: Frames, masked: Masked) -> None:
        """What was found, for reviewers: before the outcome, so that none is without it."""
        evidence = evidence_from_rounds(masked.rounds)
        if evidence is None:
            return
        sheet, files = write_evidence(
            draft.parent, evidence, draft_THWC, draft, masked.verdict, job.epoch
        )
        self._evidence.keep(job, sheet, files, utc_now())

    def _asked(self, job: Job) -> Circumstances:
        return Circumstances(
            tenant_id=job.tenant_id,
            region=job.terms.region or self._region,
            use=job.terms.use,
            now=utc_now(),
        )

    def _marked(self, job: Job, frames_THWC: Frames, mark_id: int) -> Frames:
        """The clip with its label, where it gets one, and its invisible mark."""
        if is_labelled(self._label_regions, job.terms.region):
            frames_THWC = labelled(frames_THWC)
        return embed(frames_THWC, mark_id, self._mark_key)

    def _sign(self, job: Job, folder: Path, verdict: Verdict, mark_id: int) -> None:
        generation = Generation(
            job_id=job.id,
            model=job.spec.maker,
            telecine_version=version("telecine"),
            registry_version=verdict.registry_version,
            grants=job.grant_ids,
            mark_id=mark_id,
            made_at=utc_now(),
        )
        sign_clip(folder / UNSIGNED, folder / "clip.mp4", generation, self._signer)

    def _publish(self, job: Job, folder: Path) -> ClipKeys:
        """Store the files under this epoch's keys. They count only once the store names them."""
        files = {
            "clip.mp4": MP4_CONTENT_TYPE,
            "thumbnail.webp": THUMBNAIL_CONTENT_TYPE,
            "spritesheet.jpg": SPRITESHEET_CONTENT_TYPE,
        }
        if job.terms.wants_last_frame:
            files[LAST_FRAME] = LAST_FRAME_CONTENT_TYPE
        keys = {name: result_key(job.id, job.epoch, name) for name in files}
        for name, content_type in files.items():
            self._blobs.create(keys[name], folder / name, content_type)
        return ClipKeys(
            video=keys["clip.mp4"],
            thumbnail=keys["thumbnail.webp"],
            spritesheet=keys["spritesheet.jpg"],
            last_frame=keys.get(LAST_FRAME),
        )


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def outcome_before_release(verdict: Verdict, job: Job, max_attempts: int) -> Outcome | None:
    """What keeps the clip from its release; None: nothing does. Pure.

    A check without an answer is tried again, and at last put before a person. What a reviewer has
    seen and let pass is not held again; what the policy blocks stays blocked. Raises
    `CheckUnanswered` for another attempt.
    """
    is_unanswered = verdict.rule == CHECK_FAILED and not verdict.findings
    last = job.verdicts[-1] if job.verdicts else None
    is_approved = (
        last is not None and last.checkpoint is Checkpoint.OUTPUT and last.reason_code == APPROVED
    )
    match verdict.action:
        case Action.ALLOW:
            return None
        case _ if is_approved and (is_unanswered or verdict.action is Action.REVIEW):
            return None
        case _ if is_unanswered and job.attempt < max_attempts:
            raise CheckUnanswered(f"{verdict.message} Attempt {job.attempt} of {max_attempts}.")
        case _ if is_unanswered:
            return Hold(verdict=replace(verdict, action=Action.REVIEW))
        case Action.REVIEW:
            return Hold(verdict=verdict)
        case Action.RESTYLE if job.num_restyles < MAX_RESTYLES:
            return MakeAgain(verdict=verdict)
        case _:
            return Block(verdict=replace(verdict, action=Action.BLOCK))


def released(verdict: Verdict) -> Verdict:
    """The verdict that stands on a released clip: where a person decided, it says so."""
    if verdict.action is Action.ALLOW:
        return verdict
    return replace(verdict, action=Action.ALLOW, rule="review", reason_code=APPROVED)
