"""How often a clip shows what its prompt says: prompts, the detector's answer, intervals.

Held-out prompts name pairs of colour and shape that no training stage has seen. Nothing here knows
how a clip is made: `evaluate` takes the maker as a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from telecine_serve.embedded.captions import draw_caption
from telecine_serve.embedded.detector import SeenScene, read_scene
from telecine_serve.embedded.render import render
from telecine_serve.embedded.scenes import (
    Background,
    Motion,
    Scene,
    Speed,
    draw_paths,
    draw_scene,
    draw_thing,
    pick,
)

MakeClips = Callable[[Sequence[str]], np.ndarray]
"""From prompts to `frames_NTHWC` in uint8 RGB."""
MakeImageClip = Callable[[str, np.ndarray], np.ndarray]
"""From a prompt and `first_frame_HWC` to `frames_THWC`."""
ATTRIBUTES = ("colour", "shape", "motion", "background")
_BATCH = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One prompt, and what its clip has to show."""

    group: str
    scene: Scene
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So many of so many, with Wilson's 95 % interval (E. B. Wilson, JASA 1927)."""

    num_right: int
    num: int

    @property
    def share(self) -> float:
        return self.num_right / self.num if self.num else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        if not self.num:
            return 0.0, 1.0
        z, n, p = 1.96, self.num, self.share
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return middle - half, middle + half


def draw_prompts(
    seed: int,
    *,
    num_seen: int = 140,
    num_held_out: int = 100,
    num_pairs: int = 60,
    num_chinese: int = 60,
) -> list[Asked]:
    """English in every wording of training, seen and held out; pairs; and Chinese (seen)."""
    random = np.random.default_rng((seed, 23))
    sizes = {"seen": num_seen, "held out": num_held_out, "two things": num_pairs}
    asked = [
        Asked(group=group, scene=scene, prompt=draw_caption(scene, random, chinese_share=0))
        for group, num in sizes.items()
        for scene in (_draw(group, random) for _ in range(num))
    ]
    for _ in range(num_chinese):
        scene = _draw("seen", random)
        caption = draw_caption(scene, random, chinese_share=1)
        asked.append(Asked(group="Chinese", scene=scene, prompt=caption))
    return asked


def _draw(group: str, random: np.random.Generator) -> Scene:
    if group == "two things":
        return draw_scene(random, pair_share=1)
    if group == "seen":
        return draw_scene(random, pair_share=0)
    background = pick(random, Background)
    motion = pick(random, Motion)
    return Scene(
        things=(draw_thing(random, background, held_out=True),),
        background=background,
        motion=motion,
        speed=Speed.MEDIUM if motion is Motion.STILL else pick(random, Speed),
    )


def evaluate(asked: Sequence[Asked], make_clips: MakeClips) -> dict[str, dict[str, Share]]:
    """Shares right, by group and attribute; `all` is all four of every thing."""
    counts: dict[str, dict[str, list[bool]]] = {}
    for start in range(0, len(asked), _BATCH):
        batch = asked[start : start + _BATCH]
        for one, frames_THWC in zip(batch, make_clips([b.prompt for b in batch]), strict=True):
            seen = read_scene(frames_THWC, len(one.scene.things))
            group = counts.setdefault(one.group, {})
            for attribute, is_right in judge(one.scene, seen).items():
                group.setdefault(attribute, []).append(is_right)
        print(f"evaluated {start + len(batch)}/{len(asked)}", flush=True)
    return {
        group: {
            attribute: Share(num_right=sum(right), num=len(right))
            for attribute, right in attributes.items()
        }
        for group, attributes in counts.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FromImage:
    """Clips that go on from a rendered first frame."""

    psnr_db: float
    """Of frame 0 against the given one, the mean over clips."""
    shares: dict[str, Share]


def evaluate_from_image(seed: int, make_clip: MakeImageClip, num_clips: int = 60) -> FromImage:
    """One thing each, seen pairs; the caption tells everything, the picture all but the motion."""
    random = np.random.default_rng((seed, 31))
    right: dict[str, list[bool]] = {}
    psnrs_db = []
    for _ in range(num_clips):
        scene = draw_scene(random, pair_share=0)
        wanted_THWC = render(scene, draw_paths(scene, random))
        prompt = draw_caption(scene, random, chinese_share=0)
        frames_THWC = make_clip(prompt, wanted_THWC[0])
        psnrs_db.append(psnr_db(frames_THWC[0], wanted_THWC[0]))
        for name, is_right in judge(scene, read_scene(frames_THWC, 1)).items():
            right.setdefault(name, []).append(is_right)
    return FromImage(
        psnr_db=float(np.mean(psnrs_db)),
        shares={name: Share(num_right=sum(r), num=len(r)) for name, r in right.items()},
    )


def psnr_db(frames: np.ndarray, wanted: np.ndarray) -> float:
    """Of pictures in 0 to 255; of equal ones 78, that of an error of 1e-3 squared levels."""
    error = np.square(frames.astype(float) - wanted).mean()
    return float(10 * np.log10(255**2 / max(error, 1e-3)))


def judge(scene: Scene, seen: SeenScene) -> dict[str, bool]:
    """Which attributes are right; of two things, both have to be."""
    pairs = list(zip(scene.things, seen.things, strict=True))
    right = {
        "colour": all(found and found.colour == thing.colour for thing, found in pairs),
        "shape": all(found and found.shape == thing.shape for thing, found in pairs),
        "motion": all(found and found.motion == scene.motion for _, found in pairs),
        "background": seen.background == scene.background,
    }
    return {name: bool(value) for name, value in right.items()} | {"all": all(right.values())}


def report(shares: dict[str, dict[str, Share]]) -> dict[str, dict[str, dict[str, object]]]:
    """The same as plain data, for JSON."""
    return {
        group: {
            attribute: asdict(share)
            | {"share": round(share.share, 4), "interval": [round(x, 4) for x in share.interval]}
            for attribute, share in attributes.items()
        }
        for group, attributes in shares.items()
    }
