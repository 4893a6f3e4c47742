"""When which job is asked for, decided before the run.

Invariant: a schedule depends on its arguments alone, never on how the server answers. That is what
makes the load open-loop: a slow server gets no mercy, and its queue shows in the figures. The file
format is AIPerf's `mooncake_trace`, so AIPerf and `loadtests.replay` read the same file.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_MAX_FIRST_SEED = 2**31


class ScheduleError(Exception):
    """A schedule or prompt file cannot be used; the message names file, line and cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One job to ask for, and when."""

    at_s: float
    """Since the start of the run, in whole milliseconds."""
    prompt: str
    seconds: int | None
    """Length of the clip; None: the model's default."""
    size: str | None
    """In pixels, as `64x64`; None: the model's default."""
    seed: int
    """Unique within a schedule: together with the prompt it names the job on the server."""
    tenant: str = ""
    """Whose key asks; empty: the driver's own."""
    model: str | None = None
    """None: the server's own choice."""
    cancel_after_s: float | None = None
    """So long after it was asked for, the caller takes it back; None: never."""


def make_schedule(
    prompts: Sequence[str],
    *,
    num_jobs: int,
    rate_per_minute: float,
    cv: float,
    seed: int,
    sizes: Sequence[str] = (),
    lengths_s: Sequence[int] = (),
    model: str | None = None,
) -> tuple[Arrival, ...]:
    """Draw `num_jobs` arrivals whose gaps are gamma distributed; the first one comes at 0.

    `cv` is the gaps' coefficient of variation: 1 is a Poisson process, larger ones come in bursts.
    Prompts are shuffled and then taken in turn; sizes and lengths are drawn, or left to the model.
    """
    if not prompts:
        raise ScheduleError("there are no prompts to draw from")
    if num_jobs < 1 or rate_per_minute <= 0 or cv <= 0:
        raise ScheduleError(
            f"num_jobs ({num_jobs}), rate_per_minute ({rate_per_minute}) and cv ({cv})"
            " must be positive"
        )
    # A stream of chance for each purpose: another rate leaves prompts and seeds as they were.
    gaps, texts, shapes = (random.Random(f"{name} {seed}") for name in ("gaps", "texts", "shapes"))
    shuffled = texts.sample(list(prompts), len(prompts))
    first_seed = texts.randrange(_MAX_FIRST_SEED)
    arrivals = []
    at_s = 0.0
    for number in range(num_jobs):
        arrivals.append(
            Arrival(
                at_s=round(at_s, 3),
                prompt=shuffled[number % len(shuffled)],
                seconds=shapes.choice(lengths_s) if lengths_s else None,
                size=shapes.choice(sizes) if sizes else None,
                seed=first_seed + number,
                model=model,
            )
        )
        at_s += gap_s(gaps, mean_s=60.0 / rate_per_minute, cv=cv)
    return tuple(arrivals)


def gap_s(chance: random.Random, *, mean_s: float, cv: float) -> float:
    """A gamma distribution of shape k has the coefficient of variation 1 / sqrt(k)."""
    shape = 1.0 / cv**2
    return chance.gammavariate(shape, mean_s / shape)


def read_prompts(path: Path) -> tuple[str, ...]:
    """One prompt a line; empty lines and the blanks around a prompt do not count."""
    prompts = tuple(line.strip() for line in _read_text(path).splitlines() if line.strip())
    if not prompts:
        raise ScheduleError(f"{path} holds no prompt: write one a line")
    return prompts


def write_schedule(path: Path, arrivals: Sequence[Arrival]) -> None:
    """Write JSON Lines, one arrival a line."""
    lines = []
    for arrival in arrivals:
        shape = {"size": arrival.size, "seconds": arrival.seconds, "model": arrival.model}
        extra = {key: value for key, value in shape.items() if value is not None}
        line: dict[str, object] = {
            "timestamp": round(arrival.at_s * 1000),
            "text_input": arrival.prompt,
            "extra": extra | {"seed": arrival.seed},
        }
        if arrival.tenant:
            line["tenant"] = arrival.tenant
        if arrival.cancel_after_s is not None:
            line["cancel_after_s"] = arrival.cancel_after_s
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def read_schedule(path: Path) -> tuple[Arrival, ...]:
    """Read what `write_schedule` wrote; raises `ScheduleError` at the first line that is not so."""
    arrivals = []
    for number, text in enumerate(_read_text(path).splitlines(), start=1):
        try:
            arrivals.append(_arrival_from_line(_Line.model_validate_json(text)))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ScheduleError(f"{path}, line {number}: {where} {first['msg']}") from error
    if not arrivals:
        raise ScheduleError(f"{path} holds no arrival")
    if len({(arrival.prompt, arrival.seed) for arrival in arrivals}) < len(arrivals):
        raise ScheduleError(f"{path}: the same prompt and seed twice; they must name one job")
    return tuple(sorted(arrivals, key=lambda arrival: arrival.at_s))


class _Extra(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(ge=0)
    size: str | None = None
    seconds: int | None = Field(None, ge=1)
    model: str | None = None


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    timestamp: float = Field(ge=0, allow_inf_nan=False)
    text_input: str = Field(min_length=1)
    extra: _Extra
    tenant: str = ""
    cancel_after_s: float | None = Field(None, ge=0, allow_inf_nan=False)


def _arrival_from_line(line: _Line) -> Arrival:
    return Arrival(
        at_s=round(line.timestamp / 1000, 3),
        prompt=line.text_input,
        seconds=line.extra.seconds,
        size=line.extra.size,
        seed=line.extra.seed,
        model=line.extra.model,
        tenant=line.tenant,
        cancel_after_s=line.cancel_after_s,
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScheduleError(f"{path} cannot be read: {error}") from error
