"""A claimant, an owner with released clips, and a clock that goes where a test sends it."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from telecine_platform.clips.records import Provenance
from telecine_platform.jobs.store import JobStore
from telecine_platform.jobs.tables import jobs as jobs_table
from telecine_platform.ledger.seal import seal_batch
from telecine_platform.ledger.store import Ledger
from telecine_platform.records import ClipKeys, JobState, Stage
from telecine_platform.settings import Settings
from telecine_platform.storage.local import LocalStore
from telecine_platform.storage.store import result_key
from telecine_platform.takedowns.claimants import Claimants
from telecine_platform.takedowns.claims import Claims
from telecine_platform.takedowns.holds import Holds
from telecine_platform.takedowns.records import Claim, NewClaim
from telecine_platform.takedowns.rounds import take_round
from telecine_platform.takedowns.states import ClaimantState, HoldState
from telecine_safeguards.ledger.events import object_from_body
from telecine_safeguards.output.pdq import Words, bytes_from_words, pdq_from_picture
from telecine_safeguards.registry.entities import EntityKind
from tests.records import at, spec, verdict
from tests.rights_records import seeded
from tests.telecine_safeguards.pictures import picture

CLAIMANT, OWNER = "zorb", "acme"
COUNTER_S, ANSWER_S, EVIDENCE_S = 1_000.0, 500.0, 5_000.0


class Scene:
    """Everything on one database and one folder."""

    def __init__(self, jobs: JobStore, folder: Path) -> None:
        self.jobs = jobs
        self.database = jobs.database
        self.blobs = LocalStore(folder / "blobs")
        self.rights = seeded(jobs.database)
        self.settings = Settings(
            takedown_counter_s=COUNTER_S,
            takedown_answer_s=ANSWER_S,
            takedown_evidence_s=EVIDENCE_S,
        )
        self.claimants = Claimants(self.database)
        self.claims = Claims(self.database)
        self.holds = Holds(self.database, self.settings)
        self.folder = folder
        self.claimants.apply(CLAIMANT, "Zorb Studios", "legal@zorb.example", at(0))
        self.claimants.set_state(CLAIMANT, ClaimantState.VERIFIED, who="ops", now=at(0))

    def release(self, number: int, prompt: str = "a red fox", *, is_done: bool = True) -> str:
        """A clip of the owner's; `is_done` False: it is still in moderation."""
        job_id = f"video_{number}"
        self.jobs.submit(
            job_id=job_id, tenant_id=OWNER, spec=spec(prompt=prompt), traceparent="", now=at(number)
        )
        for stage in (Stage.SCREENING, Stage.GENERATION):
            job = self.jobs.claim(stage, "w", 15, at(number))
            assert job is not None
            self.jobs.hand_over(job, verdict(), at(number))
        if is_done:
            self.finish(number)
        return job_id

    def finish(self, number: int) -> None:
        job = self.jobs.claim(Stage.MODERATION, "w", 15, at(number))
        assert job is not None
        keys = [result_key(job.id, job.epoch, name) for name in ("clip.mp4", "a.webp", "b.jpg")]
        for key in keys:
            source = self.folder / "source"
            source.write_bytes(key.encode())
            self.blobs.create(key, source, "video/mp4")
        clip = ClipKeys(video=keys[0], thumbnail=keys[1], spritesheet=keys[2])
        provenance = Provenance(
            mark_id=number, file_sha256="0" * 64, fingerprint=words(number),
            registry_version="test-1", grants=(),
        )  # fmt: skip
        self.jobs.complete(job, clip, verdict(), at(number), provenance)

    def claim(self, second: float = 100, **fields: object) -> Claim:
        values = {"title": "The Fox", "kind": EntityKind.CHARACTER} | fields
        return self.claims.file(CLAIMANT, NewClaim(**values), at(second))  # type: ignore[arg-type]

    def verify(self, claim: Claim, second: float = 101) -> Claim:
        return self.claims.verify(claim.id, who="ops", confirm_clips=None, now=at(second))

    def round(self, second: float) -> None:
        while take_round(self.database, self.blobs, self.settings, at(second)):
            pass

    def state(self, job_id: str) -> JobState:
        with self.database.read() as connection:
            query = sa.select(jobs_table.c.state).where(jobs_table.c.id == job_id)
            return JobState(connection.execute(query).scalar_one())

    def hold(self, claim: Claim, job_id: str) -> HoldState | None:
        found, _ = self.holds.of_claim(claim.id, limit=100)
        return {hold.job_id: hold.state for hold in found}.get(job_id)

    def told(self, subject: str) -> list[str]:
        """The states of what the ledger says of it."""
        seal_batch(self.database)
        bodies = [object_from_body(entry.body) for entry in Ledger(self.database).about(subject)]
        return [body["state"] for body in bodies if "state" in body]


def words(number: int) -> Words:
    """The fingerprint of clip `number`."""
    return pdq_from_picture(picture("waves", 64, 96, number)).words[:1]


def hash_of(number: int) -> str:
    return bytes_from_words(words(number)).hex()
