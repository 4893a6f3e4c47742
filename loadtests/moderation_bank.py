"""What a large bank of reference hashes costs, and what its index misses.

The bank is random bits, the hardest case for an index: nothing clusters. What is looked up are the
hashes of frames, as moderation has them, and planted hashes with a known number of bits flipped.
"""

from __future__ import annotations

import time

import numpy as np

from loadtests.natural_clips import FPS, natural_clip
from loadtests.rows_file import Row
from telecine_safeguards.output.copies import MAX_VOTED_BITS
from telecine_safeguards.output.fingerprint import query_from_sample
from telecine_safeguards.output.hash_index import HashIndex
from telecine_safeguards.output.pdq import NUM_BITS, Words
from telecine_safeguards.output.sample import sample_clip

_NUM_CLIPS = 3
_NUM_PLANTED = 500
_FLIPPED_BITS = (0, 16, 31, 60)


def bank_speed(num_hashes: int) -> Row:
    """CPU milliseconds of a frame's look-up, and which planted pairs are found."""
    random = np.random.default_rng(1)
    bank = random.integers(0, 2**64, size=(num_hashes, 4), dtype=np.uint64)
    started_s = time.process_time()
    index = HashIndex(bank)
    build_cpu_s = time.process_time() - started_s
    hash_ms, look_up_ms = [], []
    for seed in range(_NUM_CLIPS):
        sample = sample_clip(natural_clip(seed), FPS)
        num_frames = len(sample.frame_numbers)
        started_s = time.process_time()
        query = query_from_sample(sample)
        hashed_s = time.process_time()
        index.search(query.words, MAX_VOTED_BITS)
        hash_ms.append(1000 * (hashed_s - started_s) / num_frames)
        look_up_ms.append(1000 * (time.process_time() - hashed_s) / num_frames)
    return {
        "hashes": num_hashes,
        "build_cpu_s": build_cpu_s,
        "hash_ms_a_frame": [round(each, 1) for each in hash_ms],
        "look_up_ms_a_frame": [round(each, 1) for each in look_up_ms],
        "planted_found": {
            num_bits: _planted_found(index, bank, num_bits, random) for num_bits in _FLIPPED_BITS
        },
    }


def _planted_found(
    index: HashIndex, bank: Words, num_bits: int, random: np.random.Generator
) -> float:
    chosen = random.choice(len(bank), _NUM_PLANTED, replace=False)
    flipped = bank[chosen].copy()
    for row in flipped:
        for bit in random.choice(NUM_BITS, num_bits, replace=False):
            row[bit // 64] ^= np.uint64(1) << np.uint64(bit % 64)
    hits = index.search(flipped, MAX_VOTED_BITS)
    return len(set(hits.rows[hits.found == chosen[hits.rows]])) / _NUM_PLANTED
