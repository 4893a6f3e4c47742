"""The development sets of prompt screening: what each prompt is, and what must become of it.

Made from the registry and from tests/data/screening, the same on every run. Benign traffic is
VBench's (Apache-2.0), where ../shared/traffic is present; its prompts that name an entity are no
benign prompts here and are left out by the list below.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telecine_safeguards.registry.entities import Entity, Registry
from tests.telecine_safeguards.evasions import EVASIONS, SOUNDS, TYPOS

DATA: Final = Path(__file__).parents[1] / "tests" / "data" / "screening"
TRAFFIC: Final = Path(__file__).parents[2] / "shared" / "traffic"
NAMED_TRAFFIC: Final = re.compile(
    r"gwen stacy|iron man|yoda|spider-man|mickey mouse|star wars|storm ?trooper|iphone|\bvans\b"
    r"|钢铁侠",
    re.IGNORECASE,
)
"""What VBench names of the starter registry, read by hand: these prompts rightly match."""

TEMPLATES: Final = (
    "{}",
    "a video of {}, at night",
    "{} walks through a park in autumn",
    "a portrait of {} in the rain, 4k",
    "cinematic shot: {} smiles at the camera",
    "two children look at {} on a beach; slow motion",
    "(wide angle) an old street, {} stands at the corner!",
    "A quiet morning. In the background, {} makes breakfast. Warm light.",
)
MIN_TYPO_LETTERS: Final = 5
"""A name of four letters with one of them wrong is another word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt with what is expected of it."""

    prompt: str
    group: str
    """`named/leet`, `described/long`, `near-miss`, `benign/all_dimension`."""
    kind: str = ""
    entity_id: str | None = None
    """Whom it must find; None: it must pass."""
    name: str = ""
    """The name that the prompt hides."""


def named_cases(registry: Registry, num_each: int) -> Iterator[Case]:
    """Names that need no context, under every evasion: `num_each` of each, spread over all."""
    entities = [each for each in registry.entities if not each.ambiguous and each.name.isascii()]
    for evasion, rewrite in {"plain": str.strip, **EVASIONS, **SOUNDS, **TYPOS}.items():
        ordered = sorted(entities, key=lambda each: zlib.crc32(f"{evasion}{each.id}".encode()))
        if evasion in SOUNDS or evasion in TYPOS:
            ordered = [each for each in ordered if _num_letters(each) >= MIN_TYPO_LETTERS]
        for place, entity in enumerate(ordered[:num_each]):
            name = rewrite(entity.name)
            yield Case(
                prompt=TEMPLATES[place % len(TEMPLATES)].format(name),
                group=f"named/{evasion}",
                kind=entity.kind,
                entity_id=entity.id,
                name=entity.name,
            )


def described_cases(registry: Registry) -> Iterator[Case]:
    """Descriptions without names, written by hand."""
    return _descriptions(registry, "descriptions.txt", "described")


def held_out_cases(registry: Registry) -> Iterator[Case]:
    """Descriptions of other entities, which nothing is fitted to: a first set, and a second one of
    brands and persons, from before the second cards.
    """
    yield from _descriptions(registry, "descriptions_held_out.txt", "held-out")
    yield from _descriptions(registry, "descriptions_held_out_2.txt", "held-out-2")


def translated_cases(registry: Registry) -> Iterator[Case]:
    """Descriptions in other languages, and ordinary prompts in them, written by hand."""
    yield from _descriptions(registry, "descriptions_translated.txt", "translated")
    for line in _lines(DATA / "ordinary_translated.txt"):
        language, text = line.split("|")
        yield Case(prompt=text, group=f"ordinary/{language}")


def _descriptions(registry: Registry, file: str, group: str) -> Iterator[Case]:
    """Lines of entity, form or language, and text."""
    kinds = {entity.id: entity.kind for entity in registry.entities}
    for line in _lines(DATA / file):
        entity_id, form, text = line.split("|")
        yield Case(prompt=text, group=f"{group}/{form}", kind=kinds[entity_id], entity_id=entity_id)


def near_miss_cases() -> Iterator[Case]:
    """Ordinary prompts that come near, written by hand."""
    for line in _lines(DATA / "near_misses.txt"):
        yield Case(prompt=line, group="near-miss")


def harm_cases() -> Iterator[Case]:
    """Harmful prompts and ordinary ones near to them, written by hand."""
    for line in _lines(DATA / "harms.txt"):
        expected, text = line.split("|")
        if expected == "-":
            yield Case(prompt=text, group="near-harm")
        else:
            yield Case(prompt=text, group="harm", kind="harm", entity_id=expected)


def benign_cases() -> Iterator[Case]:
    """Real text-to-video prompts, each once; none where the traffic is not present."""
    seen: set[str] = set()
    for path in sorted(TRAFFIC.glob("vbench_*.txt")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and line not in seen and not NAMED_TRAFFIC.search(line):
                seen.add(line)
                yield Case(prompt=line, group=f"benign/{path.stem.removeprefix('vbench_')}")


def _num_letters(entity: Entity) -> int:
    return sum(map(str.isalpha, entity.name))


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
