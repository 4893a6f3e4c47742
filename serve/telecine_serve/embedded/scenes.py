"""What the embedded model's training clips show, as plain data, and how one is drawn by chance.

Lengths are in pixels of the 64x64 picture, times in frames; y grows downwards. Invariant: every
thing stays wholly inside the picture, so that its shape can be seen in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import numpy as np

GENERATOR_VERSION = 1
"""Goes up whenever the same seed gives another scene, caption or picture."""

Kind = TypeVar("Kind", bound=StrEnum)

SIZE_PX = 64
NUM_FRAMES = 17
FPS = 8


class Colour(StrEnum):
    """Of a thing."""

    RED = "red"
    ORANGE = "orange"
    YELLOW = "yellow"
    GREEN = "green"
    BLUE = "blue"
    PURPLE = "purple"
    CYAN = "cyan"
    WHITE = "white"


class Background(StrEnum):
    BLACK = "black"
    GRAY = "gray"
    WHITE = "white"
    BLUE = "blue"
    GREEN = "green"
    BROWN = "brown"


class Shape(StrEnum):
    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    STAR = "star"
    RING = "ring"


class Motion(StrEnum):
    STILL = "still"
    RIGHT = "right"
    LEFT = "left"
    UP = "up"
    DOWN = "down"
    GROWS = "grows"
    SHRINKS = "shrinks"
    BOUNCES = "bounces"


class Size(StrEnum):
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Speed(StrEnum):
    SLOW = "slow"
    MEDIUM = "medium"
    FAST = "fast"


RADIUS_PX = {Size.SMALL: 11.0, Size.MEDIUM: 14.0, Size.LARGE: 17.0}
"""Of the circle round the thing; large enough that 16x16 compression keeps the shape."""
PAIR_RADIUS_PX = {Size.SMALL: 9.0, Size.MEDIUM: 13.0, Size.LARGE: 13.0}
"""The same where two things share the picture."""
TRAVEL_PX = {Speed.SLOW: 14.0, Speed.MEDIUM: 21.0, Speed.FAST: 28.0}
"""From the first frame to the last."""
GROWTH = {Speed.SLOW: 0.7, Speed.MEDIUM: 0.55, Speed.FAST: 0.42}
"""Smallest radius over largest."""
_JITTER_PX = 3.0
_JITTER_RADIUS = 0.06
_MARGIN_PX = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    colour: Colour
    shape: Shape
    size: Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a caption tells."""

    things: tuple[Thing, ...]
    """One, or two that stand still side by side, the first on the left."""
    background: Background
    motion: Motion
    speed: Speed
    """Medium where nothing moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a caption leaves open, and where that puts one thing in each frame."""

    x_T: np.ndarray
    y_T: np.ndarray
    radius_T: np.ndarray


def is_held_out(thing: Thing) -> bool:
    """True for pairs of colour and shape that no training stage may see: 8 of 40."""
    colour, shape = list(Colour).index(thing.colour), list(Shape).index(thing.shape)
    return (colour + 2 * shape) % 5 == 0


def draw_scene(random: np.random.Generator, *, pair_share: float = 0.2) -> Scene:
    """A scene that training may see; `pair_share` of them show two things."""
    background = pick(random, Background)
    first = draw_thing(random, background)
    if random.random() < pair_share:
        second = draw_thing(random, background)
        while second.colour == first.colour:
            second = draw_thing(random, background)
        return Scene(
            things=(first, second),
            background=background,
            motion=Motion.STILL,
            speed=Speed.MEDIUM,
        )
    motion = pick(random, Motion)
    speed = Speed.MEDIUM if motion is Motion.STILL else pick(random, Speed)
    return Scene(things=(first,), background=background, motion=motion, speed=speed)


def draw_thing(
    random: np.random.Generator, background: Background, *, held_out: bool = False
) -> Thing:
    """Anything that can be told from `background`; `held_out` says which pairs to take it from."""
    while True:
        thing = Thing(
            colour=pick(random, Colour), shape=pick(random, Shape), size=pick(random, Size)
        )
        if thing.colour != background.value and is_held_out(thing) == held_out:
            return thing


def pick(random: np.random.Generator, kind: type[Kind]) -> Kind:
    """A member of `kind`, each as likely."""
    members = list(kind)
    return members[random.integers(len(members))]


def draw_paths(scene: Scene, random: np.random.Generator) -> tuple[Path, ...]:
    """One path for each thing of `scene`."""
    if len(scene.things) == 2:
        return tuple(
            _path(Motion.STILL, Speed.MEDIUM, PAIR_RADIUS_PX[thing.size], x, random)
            for thing, x in zip(scene.things, (0.27 * SIZE_PX, 0.73 * SIZE_PX), strict=True)
        )
    (thing,) = scene.things
    return (_path(scene.motion, scene.speed, RADIUS_PX[thing.size], SIZE_PX / 2, random),)


def _path(
    motion: Motion, speed: Speed, radius_px: float, centre_x_px: float, random: np.random.Generator
) -> Path:
    progress_T = np.linspace(-0.5, 0.5, NUM_FRAMES)
    radius_T = np.full(NUM_FRAMES, radius_px * random.uniform(1 - _JITTER_RADIUS, 1))
    x_T = np.full(NUM_FRAMES, centre_x_px)
    y_T = np.full(NUM_FRAMES, SIZE_PX / 2)
    travel_T = TRAVEL_PX[speed] * progress_T
    shrink_T = 1 - (1 - GROWTH[speed]) * (0.5 + progress_T)
    match motion:
        case Motion.RIGHT:
            x_T = x_T + travel_T
        case Motion.LEFT:
            x_T = x_T - travel_T
        case Motion.DOWN:
            y_T = y_T + travel_T
        case Motion.UP:
            y_T = y_T - travel_T
        case Motion.BOUNCES:  # up and down again: a throw that lasts the whole clip
            y_T = y_T - TRAVEL_PX[speed] * (0.5 - 4 * progress_T**2)
        case Motion.SHRINKS:
            radius_T = radius_T * shrink_T
        case Motion.GROWS:
            radius_T = radius_T * shrink_T[::-1]
        case Motion.STILL:
            pass
    return Path(
        x_T=x_T + _jitter(random, x_T, radius_T),
        y_T=y_T + _jitter(random, y_T, radius_T),
        radius_T=radius_T,
    )


def _jitter(random: np.random.Generator, centre_T: np.ndarray, radius_T: np.ndarray) -> float:
    """One shift for the whole clip that keeps the thing inside the picture."""
    low = _MARGIN_PX - float((centre_T - radius_T).min())
    high = SIZE_PX - _MARGIN_PX - float((centre_T + radius_T).max())
    return float(random.uniform(max(low, -_JITTER_PX), min(high, _JITTER_PX)))
