"""The detector on rendered scenes: what it cannot read there, no evaluation may ask of it."""

from __future__ import annotations

import numpy as np

from telecine_serve.embedded.captions import draw_caption, vocabulary
from telecine_serve.embedded.detector import SeenThing, read_scene
from telecine_serve.embedded.render import render
from telecine_serve.embedded.scenes import draw_paths, draw_scene

NUM_SCENES = 150


def test_detector_reads_what_was_rendered() -> None:
    random = np.random.default_rng(7)
    num_right = num_things = 0
    for _ in range(NUM_SCENES):
        scene = draw_scene(random)
        seen = read_scene(render(scene, draw_paths(scene, random)), len(scene.things))
        assert seen.background == scene.background
        for thing, found in zip(scene.things, seen.things, strict=True):
            num_things += 1
            wanted = SeenThing(colour=thing.colour, shape=thing.shape, motion=scene.motion)
            num_right += found == wanted
    assert num_right / num_things >= 0.99


def test_equal_seeds_draw_equal_scenes_and_captions() -> None:
    drawn = [
        (scene := draw_scene(random), draw_caption(scene, random))
        for random in (np.random.default_rng(3), np.random.default_rng(3))
    ]

    assert drawn[0] == drawn[1]
    assert len(set(vocabulary())) == len(vocabulary()) < 200
