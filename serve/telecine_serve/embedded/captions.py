"""What people may call a scene, in English and Chinese.

Every word that the model knows stands in this file: the vocabulary is read from these tables.
Unknown words become one token, and training sprinkles captions with them, so that they neither
crash nor drown the known ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from telecine_serve.embedded.scenes import (
    Background,
    Colour,
    Motion,
    Scene,
    Shape,
    Size,
    Speed,
    Thing,
)

_COLOURS: dict[Colour, tuple[str, ...]] = {
    Colour.RED: ("red",),
    Colour.ORANGE: ("orange",),
    Colour.YELLOW: ("yellow",),
    Colour.GREEN: ("green",),
    Colour.BLUE: ("blue",),
    Colour.PURPLE: ("purple", "violet"),
    Colour.CYAN: ("cyan", "turquoise"),
    Colour.WHITE: ("white",),
}
_BACKGROUNDS: dict[Background, tuple[str, ...]] = {
    Background.BLACK: ("black",),
    Background.GRAY: ("gray", "grey"),
    Background.WHITE: ("white",),
    Background.BLUE: ("blue",),
    Background.GREEN: ("green",),
    Background.BROWN: ("brown",),
}
_SHAPES: dict[Shape, tuple[str, ...]] = {
    Shape.CIRCLE: ("circle", "ball", "disc"),
    Shape.SQUARE: ("square", "box"),
    Shape.TRIANGLE: ("triangle",),
    Shape.STAR: ("star",),
    Shape.RING: ("ring", "hoop"),
}
_SIZES: dict[Size, tuple[str, ...]] = {
    Size.SMALL: ("small ", "little ", "tiny "),
    Size.MEDIUM: ("",),
    Size.LARGE: ("large ", "big ", "huge "),
}
_SPEEDS: dict[Speed, tuple[str, ...]] = {
    Speed.SLOW: (" slowly",),
    Speed.MEDIUM: ("",),
    Speed.FAST: (" quickly", " fast"),
}
_MOTIONS: dict[Motion, tuple[str, ...]] = {
    Motion.STILL: ("", "stands still", "standing still", "does not move", "is still"),
    Motion.RIGHT: ("moves* right", "moves* to the right", "moving* right", "slides* to the right"),
    Motion.LEFT: ("moves* left", "moves* to the left", "moving* left", "slides* to the left"),
    Motion.UP: ("moves* up", "rises*", "moving* upwards", "slides* up"),
    Motion.DOWN: ("moves* down", "falls*", "moving* downwards", "slides* down"),
    Motion.GROWS: ("grows*", "growing*", "gets bigger*", "expands*"),
    Motion.SHRINKS: ("shrinks*", "shrinking*", "gets smaller*"),
    Motion.BOUNCES: ("bounces*", "bouncing*", "jumps* up and down"),
}
"""`*` is where a word for the speed goes."""
_GROUNDS = ("on a {} background", "against a {} background", "in front of a {} background")
_SINGLES = ("{thing} {motion} {ground}", "{ground}, {thing} {motion}", "{thing} {ground} {motion}")
_PAIRS = ("{first} and {second} {ground}", "{first} next to {second} {ground}")
_OPENINGS = ("", "", "", "a video of ", "the animation shows ")

_CHINESE_COLOURS = dict(
    zip(Colour, ("红色", "橙色", "黄色", "绿色", "蓝色", "紫色", "青色", "白色"), strict=True)
)
_CHINESE_BACKGROUNDS = dict(
    zip(Background, ("黑色", "灰色", "白色", "蓝色", "绿色", "棕色"), strict=True)
)
_CHINESE_SHAPES = dict(zip(Shape, ("圆形", "正方形", "三角形", "星星", "圆环"), strict=True))
_CHINESE_SIZES = dict(zip(Size, ("小", "", "大"), strict=True))
_CHINESE_SPEEDS = dict(zip(Speed, ("慢慢地", "", "快速地"), strict=True))
_CHINESE_MOTIONS = dict(
    zip(
        Motion,
        ("静止不动", "向右移动", "向左移动", "向上移动", "向下移动", "变大", "缩小", "上下跳动"),
        strict=True,
    )
)
_CHINESE_SINGLES = ("{thing}在{ground}背景上{motion}", "在{ground}背景上,{thing}{motion}")
_CHINESE_PAIR = "{first}和{second}在{ground}背景上"

_FILLERS = ("beautiful", "cinematic", "scene", "wonderful", "4k", "somewhere", "gently", "dog")
"""Words that the model does not know; which ones makes no difference."""


def draw_caption(
    scene: Scene,
    random: np.random.Generator,
    *,
    chinese_share: float = 0.2,
    filler_share: float = 0.15,
) -> str:
    """One way to tell `scene`; `filler_share` of the captions hold up to five unknown words."""
    if random.random() < chinese_share:
        return _chinese(scene, random)
    caption = _pick(random, _OPENINGS) + _english(scene, random)
    if random.random() >= filler_share:
        return caption
    words = caption.split()
    for _ in range(random.integers(1, 6)):
        words.insert(int(random.integers(len(words) + 1)), _pick(random, _FILLERS))
    return " ".join(words)


def plain_caption(scene: Scene) -> str:
    """The first wording of everything, in English: "a red circle moves right on a blue ..."."""
    return _english(scene, None)


def vocabulary() -> tuple[str, ...]:
    """Every known word and Chinese character, once, in a fixed order."""
    return tuple(dict.fromkeys(token for text in _texts() for token in _split(text)))


def _texts() -> Iterator[str]:
    for table in (_COLOURS, _BACKGROUNDS, _SHAPES, _SIZES, _SPEEDS, _MOTIONS):
        for phrases in table.values():
            yield from phrases
    for chinese in (
        _CHINESE_COLOURS,
        _CHINESE_BACKGROUNDS,
        _CHINESE_SHAPES,
        _CHINESE_SIZES,
        _CHINESE_SPEEDS,
        _CHINESE_MOTIONS,
    ):
        yield from chinese.values()
    for template in (*_GROUNDS, *_SINGLES, *_PAIRS, *_OPENINGS, *_CHINESE_SINGLES, _CHINESE_PAIR):
        yield re.sub(r"\{\w*\}", " ", template)
    yield "an 一个"


def _split(text: str) -> list[str]:
    """As the tokenizer does: words, single Chinese characters, punctuation."""
    return re.findall(r"[a-z]+|[\u4e00-\u9fff]|,", text)


def _english(scene: Scene, random: np.random.Generator | None) -> str:
    ground = _pick(random, _GROUNDS).format(_pick(random, _BACKGROUNDS[scene.background]))
    things = [_english_thing(thing, random) for thing in scene.things]
    if len(things) == 2:
        return _pick(random, _PAIRS).format(first=things[0], second=things[1], ground=ground)
    speed = _pick(random, _SPEEDS[scene.speed])
    motion = _pick(random, _MOTIONS[scene.motion]).replace("*", speed)
    sentence = _pick(random, _SINGLES).format(thing=things[0], motion=motion, ground=ground)
    return " ".join(sentence.split())


def _english_thing(thing: Thing, random: np.random.Generator | None) -> str:
    words = _pick(random, _SIZES[thing.size]) + _pick(random, _COLOURS[thing.colour])
    article = "an" if words[0] in "aeiou" else "a"
    return f"{article} {words} {_pick(random, _SHAPES[thing.shape])}"


def _chinese(scene: Scene, random: np.random.Generator) -> str:
    ground = _CHINESE_BACKGROUNDS[scene.background]
    things = [
        f"一个{_CHINESE_SIZES[thing.size]}{_CHINESE_COLOURS[thing.colour]}"
        f"{_CHINESE_SHAPES[thing.shape]}"
        for thing in scene.things
    ]
    if len(things) == 2:
        return _CHINESE_PAIR.format(first=things[0], second=things[1], ground=ground)
    motion = _CHINESE_SPEEDS[scene.speed] + _CHINESE_MOTIONS[scene.motion]
    return _pick(random, _CHINESE_SINGLES).format(thing=things[0], motion=motion, ground=ground)


def _pick(random: np.random.Generator | None, phrases: tuple[str, ...]) -> str:
    """By chance, or the first."""
    return phrases[0 if random is None else int(random.integers(len(phrases)))]
