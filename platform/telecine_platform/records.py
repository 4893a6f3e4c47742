"""The records that travel between rooms. Frozen: a change is a new record, made by the store."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from telecine_safeguards.verdict import Action, Verdict


class Stage(StrEnum):
    """Which of the three applications a job belongs to now."""

    SCREENING = "screening"
    GENERATION = "generation"
    MODERATION = "moderation"


class JobState(StrEnum):
    """Where a job stands; `transitions.py` has the legal changes."""

    QUEUED = "queued"
    RUNNING = "running"
    HELD = "held"
    """A person has to look at it; nobody can claim it until then."""
    HALTED = "halted"
    """It was queued when its model, tenant or region was halted, and waits for the lift."""
    COMPLETED = "completed"
    BLOCKED = "blocked"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    """It was completed and is taken down: a claim holds it (`takedowns/`)."""
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        return self not in (JobState.QUEUED, JobState.RUNNING, JobState.HELD, JobState.HALTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """What to make, complete: defaults are filled in, values are within the model's limits."""

    model: str
    prompt: str
    negative_prompt: str
    width_px: int
    height_px: int
    num_frames: int
    fps: int
    num_steps: int
    guidance_scale: float
    seed: int
    first_frame: str | None = None
    """Key of the picture that the clip begins with, as PNG of the clip's size; None: from text."""
    last_frame: str | None = None
    adapter: str | None = None
    """LoRA adapter, one that the operator allows."""
    step_cache: float = 0.0
    """Relative change below which a step uses what the last one found; 0: every step is exact."""

    @property
    def maker(self) -> str:
        """The model with its adapter, as a clip's manifest names them: `wan2.2-t2v-a14b+film`."""
        return self.model if self.adapter is None else f"{self.model}+{self.adapter}"

    @property
    def picture_keys(self) -> tuple[str, ...]:
        return tuple(key for key in (self.first_frame, self.last_frame) if key is not None)

    @property
    def duration_s(self) -> int:
        """Whole seconds as the caller asked for them: of 4k+1 frames the first is time 0."""
        return (self.num_frames - 1) // self.fps


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTerms:
    """How a job is handled and reported, beside what it shows. Defaults: nothing was asked for."""

    priority: int = 0
    """0 to 9, the higher the sooner, as far as the tenant may."""
    service_tier: str = "default"
    """`default`, or `flex`: it may wait for idle GPUs."""
    deadline_at: datetime | None = None
    """Not finished by then, the job fails as `expired`; None: it waits as long as it takes."""
    use: str = "video"
    """What the clip is for; licences can be limited to uses."""
    region: str = ""
    """Where the clip is shown; empty: unknown, so everything protected anywhere counts."""
    remixed_from: str | None = None
    """The job whose parameters were taken over."""
    callback_url: str | None = None
    """Who is told of each change of this job; reached by the guarded fetcher, never logged."""
    safety_identifier: str | None = None
    """The caller's word for its own user; opaque here."""
    wants_last_frame: bool = False
    """Whether the clip's last frame is published beside it."""


NO_TERMS = JobTerms()
OVERDUE = "expired"
"""The error code of a job that was not finished by its deadline."""
WITHDRAWN = "withdrawn"
"""The error code of a released clip that was taken down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError:
    """Why a job failed or was blocked, in words for the caller."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipKeys:
    """Where a released clip and its pictures lie in the storage. Present only on completed jobs."""

    video: str
    thumbnail: str
    spritesheet: str
    last_frame: str | None = None
    """Only where the caller asked for it."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Of all files of the clip."""
        kept = (self.video, self.thumbnail, self.spritesheet, self.last_frame)
        return tuple(key for key in kept if key is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One request's life, as the store has it."""

    id: str
    tenant_id: str
    spec: VideoSpec
    stage: Stage
    state: JobState
    attempt: int
    """How often this stage has claimed the job; 0 before the first claim."""
    epoch: int
    """Fencing number: goes up with each claim; a write with an older one is refused."""
    progress: int
    """Per cent of the denoising steps, 0 to 100."""
    verdicts: tuple[Verdict, ...]
    traceparent: str
    """W3C trace context of the request that made the job; empty when tracing is off."""
    created_at: datetime
    available_at: datetime
    """Not to be claimed before this (retry back-off)."""
    lease_expires_at: datetime | None = None
    """Set while a worker owns the job."""
    finished_at: datetime | None = None
    draft: str | None = None
    """Key of the unreleased clip in quarantine; set once generation is done."""
    error: JobError | None = None
    clip: ClipKeys | None = None
    terms: JobTerms = NO_TERMS
    claimed_at: datetime | None = None
    """When a worker took it last; None before the first claim."""
    num_deaths: int = 0
    """Workers that were lost while they had it, over all stages."""
    generation_s: float | None = None
    """How long the attempt that made the draft worked; None before that."""

    @property
    def rewrite(self) -> Verdict | None:
        """The verdict that put other words in the prompt's place; None when nothing was changed."""
        rewrites = [verdict for verdict in self.verdicts if verdict.action is Action.REWRITE]
        return rewrites[-1] if rewrites else None

    @property
    def num_restyles(self) -> int:
        """How often moderation has had the clip made again."""
        return sum(verdict.action is Action.RESTYLE for verdict in self.verdicts)

    @property
    def screened_spec(self) -> VideoSpec:
        """What may be generated: the caller's request with every rewrite applied."""
        changes = [
            verdict
            for verdict in self.verdicts
            if verdict is self.rewrite or verdict.action is Action.RESTYLE
        ]
        if not changes:
            return self.spec
        prompt = self.rewrite.rewritten_prompt if self.rewrite is not None else None
        texts = (self.spec.negative_prompt, *(each.added_negative_prompt for each in changes))
        return replace(
            self.spec,
            prompt=prompt or self.spec.prompt,
            negative_prompt=", ".join(dict.fromkeys(text for text in texts if text)),
        )

    @property
    def grant_ids(self) -> tuple[str, ...]:
        """The licences that the job was let through with; each has to hold at every claim."""
        used = [grant_id for verdict in self.verdicts for grant_id in verdict.grants_used]
        return tuple(dict.fromkeys(used))


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """A stage's queue at one moment."""

    num_queued: int
    num_running: int
    oldest_age_s: float
    """Age of the oldest claimable job; 0 when there is none."""


NO_BACKLOG = Backlog(num_queued=0, num_running=0, oldest_age_s=0.0)
