"""Looks for marks where there are none: many small pictures, and hard ones among them.

Each is the luma of 128 x 96 pixels: 1/f textures, shapes, and (every fourth) gratings and tiles,
which look most like a template. Three frames of it, moving and noisy, because frames are weighted;
no more, because a false id hangs on chance, not on length.
"""

from __future__ import annotations

import numpy as np

from telecine_safeguards.provenance.align import Alignment
from telecine_safeguards.provenance.carriers import carriers_from_key
from telecine_safeguards.provenance.detect import find_mark, soft_bits
from telecine_safeguards.provenance.luma import Picture
from telecine_safeguards.provenance.payload import payload_from_bits
from telecine_safeguards.provenance.residual import residuals
from telecine_safeguards.provenance.votes import sum_by_template, sums_to_search
from telecine_safeguards.provenance.waves import Noise

HEIGHT_PX, WIDTH_PX = 96, 128
_NUM_FRAMES = 3


def false_ids(num_pictures: int, *, first_seed: int) -> int:
    """How many of so many unmarked pictures give an id, each under a key of its own."""
    num_false = 0
    for seed in range(first_seed, first_seed + num_pictures):
        random = np.random.default_rng(seed)
        num_false += find_mark(_frames(random, seed), [random.bytes(32)]) is not None
    return num_false


def false_readings(num_pictures: int, *, first_seed: int) -> int:
    """The same at one alignment drawn by chance, without the search for the likeliest.

    The search looks at the template's waves only, whose phases say nothing of the bits'; so for
    an unmarked picture any alignment is as good as the one that it would choose, and cheaper.
    """
    num_false = 0
    for seed in range(first_seed, first_seed + num_pictures):
        random = np.random.default_rng(seed)
        key = random.bytes(32)
        residuals_THW = residuals(_frames(random, seed))
        noise = Noise(sums_to_search(residuals_THW)[0])
        side_px = HEIGHT_PX * random.uniform(0.25, 1.2)
        alignment = Alignment(
            tile_width_px=side_px,
            tile_height_px=side_px,
            angle_deg=random.uniform(-6, 6),
            shift=(random.uniform(), random.uniform()),
        )
        carriers = carriers_from_key(key)
        residual_HW = sum_by_template(residuals_THW, noise, carriers, alignment)
        bits_N = soft_bits(residual_HW, Noise(residual_HW), carriers, alignment)
        num_false += payload_from_bits(bits_N, key) is not None
    return num_false


def _frames(random: np.random.Generator, seed: int) -> list[Picture]:
    picture = _picture(random, seed)
    steps = random.integers(-2, 3, size=2)
    return [
        np.roll(picture, tuple(steps * number), axis=(0, 1))
        + random.normal(scale=4, size=picture.shape).astype(np.float32)
        for number in range(_NUM_FRAMES)
    ]


def _picture(random: np.random.Generator, seed: int) -> Picture:
    spectrum = np.fft.rfft2(random.normal(size=(HEIGHT_PX, WIDTH_PX)))
    frequency = np.hypot(np.fft.fftfreq(HEIGHT_PX)[:, np.newaxis], np.fft.rfftfreq(WIDTH_PX))
    frequency[0, 0] = 1
    texture = np.fft.irfft2(spectrum / frequency ** random.uniform(0, 2), s=(HEIGHT_PX, WIDTH_PX))
    picture = 128 + random.uniform(5, 40) * texture / texture.std()
    y, x = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    for _ in range(random.integers(0, 5)):
        centre_y, centre_x = random.uniform(0, HEIGHT_PX), random.uniform(0, WIDTH_PX)
        is_inside = np.hypot(y - centre_y, x - centre_x) < random.uniform(5, 40)
        picture[is_inside] += random.uniform(-80, 80)
    if seed % 4 == 0:
        for _ in range(random.integers(1, 20)):
            along, down, phase = random.uniform(-0.3, 0.3, size=3)
            wave = np.cos(2 * np.pi * (along * x + down * y) + 20 * phase)
            picture += random.uniform(1, 10) * wave
    if seed % 8 == 0:
        side_px = int(random.integers(16, 48))
        down, along = -(-HEIGHT_PX // side_px), -(-WIDTH_PX // side_px)
        tiled = np.tile(picture[:side_px, :side_px], (down, along))
        picture = tiled[:HEIGHT_PX, :WIDTH_PX]
    rounded: Picture = np.clip(np.rint(picture), 0, 255).astype(np.float32)
    return rounded
