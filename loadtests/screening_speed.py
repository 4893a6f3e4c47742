"""How fast one core screens: synthetic registries of 1,000 and 100,000 entities, real prompts.

The names are made of syllables; the cards' rows are real rows with noise, because embedding 200,000
texts would take an hour and would not change how long a search in them takes.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from telecine_safeguards.prompt.embed import Embed, RememberedEmbed
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.entities import Entity, EntityKind, Registry

NUM_ROWS = 2_000
FOREIGN_PROMPT = "Ein Igel läuft durch das Laub."
NOISE = 0.04
"""Per number: about 0.75 cosine to the row that it was made of."""
_SYLLABLES = [
    "ba",
    "dor",
    "fel",
    "gan",
    "hir",
    "jux",
    "kor",
    "lim",
    "mav",
    "nes",
    "pol",
    "quin",
    "ras",
    "sut",
    "tar",
    "vex",
    "wil",
    "yon",
    "zet",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """One registry's times, on one thread."""

    num_entities: int
    load_s: float
    """Building the indexes, without embedding the cards."""
    memory_mib: float
    """The process's highest resident size after loading."""
    p50_ms: float
    p95_ms: float
    """By the clock: other work on the machine counts."""
    p50_cpu_ms: float
    p95_cpu_ms: float
    """By the processor time of the thread."""
    num_prompts: int
    batched_prompts_s: float
    batched_prompts_cpu_s: float
    """Prompts for each second of processor time."""

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class _Synthetic(RememberedEmbed):
    """Gives noisy real rows for the registry's texts; prompts go to the model."""

    def __init__(self, model: Embed, rows: npt.NDArray[np.float32]) -> None:
        super().__init__(model)
        self._real = rows

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        chance = np.random.default_rng(1)
        rows = self._real[chance.integers(len(self._real), size=len(texts))]
        rows = rows + NOISE * chance.standard_normal(rows.shape, dtype=np.float32)
        unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def measure(
    real: Registry,
    embed: Embed,
    embed_foreign: Embed,
    prompts: Sequence[str],
    num_entities: int,
) -> Speed:
    """Build a synthetic registry and screen `prompts` one by one, then together."""
    cards = [card for entity in real.entities for card in entity.cards][:NUM_ROWS]
    models = (_Synthetic(embed, embed(cards)), _Synthetic(embed_foreign, embed_foreign(cards)))
    registry = synthetic_registry(real, num_entities)
    began = time.perf_counter()
    screen = PromptScreen(registry, embed=models[0], embed_foreign=models[1])
    screen.screen(prompt=FOREIGN_PROMPT, negative_prompt="")  # builds the second index
    load_s = time.perf_counter() - began
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for prompt in prompts[:5]:
        screen.screen(prompt=prompt, negative_prompt="")
    times_ms, cpu_ms = [], []
    for prompt in prompts:
        began, cpu_began = time.perf_counter(), time.thread_time()
        screen.screen(prompt=prompt, negative_prompt="blurry, low quality")
        times_ms.append((time.perf_counter() - began) * 1000)
        cpu_ms.append((time.thread_time() - cpu_began) * 1000)
    began, cpu_began = time.perf_counter(), time.thread_time()
    for first in range(0, len(prompts), 32):
        screen.screen_many([(prompt, "") for prompt in prompts[first : first + 32]])
    batched_s = time.perf_counter() - began
    batched_cpu_s = time.thread_time() - cpu_began
    return Speed(
        num_entities=num_entities,
        load_s=load_s,
        memory_mib=memory_mib,
        p50_ms=float(np.percentile(times_ms, 50)),
        p95_ms=float(np.percentile(times_ms, 95)),
        p50_cpu_ms=float(np.percentile(cpu_ms, 50)),
        p95_cpu_ms=float(np.percentile(cpu_ms, 95)),
        num_prompts=len(prompts),
        batched_prompts_s=len(prompts) / batched_s,
        batched_prompts_cpu_s=len(prompts) / batched_cpu_s,
    )


def synthetic_registry(real: Registry, num_entities: int) -> Registry:
    """Entities with made-up names and the descriptions of real ones in turn."""
    entities = tuple(
        Entity(
            id=f"synthetic-{number}",
            kind=EntityKind.CHARACTER,
            name=_name(number),
            rights_holder="Synthetic",
            aliases=(_name(number * 7 + 3),),
            cards=real.entities[number % len(real.entities)].cards,
            decoys=real.entities[number % len(real.entities)].decoys,
            attributes=real.entities[number % len(real.entities)].attributes,
            generic="somebody",
        )
        for number in range(num_entities)
    )
    return Registry(version=f"synthetic-{num_entities}", entities=entities)


def _name(number: int) -> str:
    chance = np.random.default_rng(number)
    words = [
        "".join(_SYLLABLES[int(place)] for place in chance.integers(len(_SYLLABLES), size=3))
        for _ in range(2)
    ]
    return " ".join(words).title()
