"""What keeps a concept out of a clip: taking it from the prompt, naming it in the negative prompt,
or both, as screening's rewrite does.

`python -m loadtests.erasure --json`. The concept is a shape or a colour of the embedded model, and
every prompt asks for it by name. Each way makes the same scenes with the same seeds, on one rank;
the detector says in how many of the clips the concept is still to be seen, and in how many the
rest (motion and background) is as asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import click
import numpy as np

from loadtests.embedded_engine import open_engine, request
from telecine_serve.embedded.captions import plain_caption
from telecine_serve.embedded.detector import read_scene
from telecine_serve.embedded.evaluation import Share
from telecine_serve.embedded.scenes import Scene, draw_scene

if TYPE_CHECKING:
    from telecine_serve.engine.pipeline import Engine

_SEED = 21
KINDS = ("shape", "colour")
_GENERIC = {"shape": "thing", "colour": "plain"}
"""Words that the model does not know, as a card that says less than the name."""


class Way(StrEnum):
    AS_ASKED = "as asked"
    NEGATIVE = "negative prompt alone"
    REPLACED = "replaced alone"
    BOTH = "replaced, and in the negative prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One way for one kind of concept."""

    kind: str
    way: Way
    still_there: Share
    rest_right: Share


def measure(num_scenes: int, kinds: Sequence[str] = KINDS) -> Iterator[Measured]:
    """Each kind in every way."""
    engine = open_engine()
    random = np.random.default_rng(_SEED)
    scenes = [draw_scene(random, pair_share=0) for _ in range(num_scenes)]
    for kind in kinds:
        for way in Way:
            clips = [_judged(engine, scene, seed, kind, way) for seed, scene in enumerate(scenes)]
            yield Measured(
                kind=kind,
                way=way,
                still_there=_share([is_there for is_there, _ in clips]),
                rest_right=_share([is_right for _, is_right in clips]),
            )


def prompts(scene: Scene, kind: str, way: Way) -> tuple[str, str]:
    """Prompt and negative prompt."""
    concept = str(getattr(scene.things[0], kind))
    prompt = plain_caption(scene)
    if way in (Way.REPLACED, Way.BOTH):
        prompt = prompt.replace(f" {concept}", f" {_GENERIC[kind]}", 1)
    return prompt, concept if way in (Way.NEGATIVE, Way.BOTH) else ""


def _judged(engine: Engine, scene: Scene, seed: int, kind: str, way: Way) -> tuple[bool, bool]:
    """Whether the concept is still there, and whether motion and background are right."""
    from telecine_serve.engine.decode import decode_frames
    from telecine_serve.engine.step_control import StepControl

    prompt, negative_prompt = prompts(scene, kind, way)
    spec = request(prompt, seed, negative_prompt=negative_prompt)
    latents_BCTHW = engine.denoise(spec, StepControl())
    assert engine.model.decoder is not None  # as below
    frames_THWC = decode_frames(engine.model.decoder, latents_BCTHW, StepControl())
    assert frames_THWC is not None  # one rank is the leader
    seen = read_scene(frames_THWC, 1)
    (thing,) = seen.things
    is_there = thing is not None and getattr(thing, kind) == getattr(scene.things[0], kind)
    is_moving = thing is not None and thing.motion == scene.motion
    return bool(is_there), bool(is_moving and seen.background == scene.background)


def _share(found: list[bool]) -> Share:
    return Share(num_right=sum(found), num=len(found))


@click.command()
@click.option("--scenes", "num_scenes", default=40)
@click.option("--json", "as_json", is_flag=True)
def main(num_scenes: int, as_json: bool) -> None:
    """Measure each way in turn."""
    for result in measure(num_scenes):
        there, rest = result.still_there, result.rest_right
        if as_json:
            about = {"kind": result.kind, "way": result.way, "num": there.num}
            counts = {"num_there": there.num_right, "num_rest_right": rest.num_right}
            click.echo(json.dumps(about | counts))
            continue
        low, high = there.interval
        click.echo(
            f"{result.kind:7s} {result.way:37s} still there {there.num_right}/{there.num} "
            f"[{low:.0%}, {high:.0%}]  rest right {rest.num_right}/{rest.num}"
        )


if __name__ == "__main__":
    main()
