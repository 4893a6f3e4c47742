"""How well copies are found: `python -m loadtests.moderation --help`.

Procedural clips (seeds from 0 on) are altered, encoded and looked up among their originals and
other clips; beside it, in the same run, plain PDQ of whole frames by vPDQ's rule (distance at most
31, 80 % of the frames). Every figure comes with its n and a Wilson 95 % interval; every pair of a
copy and another clip counts for the false matches.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import cv2
import faiss
import numpy as np

from loadtests.moderation_alterations import ALTERATIONS, altered
from loadtests.natural_clips import FPS, Frames, natural_clip
from loadtests.screening_score import Share
from telecine_safeguards.output.copies import MAX_DISTANCE_BITS, Copies
from telecine_safeguards.output.fingerprint import (
    MIN_QUALITY,
    fingerprint_from_sample,
    query_from_sample,
)
from telecine_safeguards.output.pdq import Words, distances, pdq_from_picture
from telecine_safeguards.output.sample import Sample, sample_clip

VPDQ_MIN_SHARE = 0.8
"""vPDQ's default (facebook/ThreatExchange vpdq/README.md@03f2837)."""
_FIRST_OTHER_SEED = 10_000


def main() -> int:
    """Measure what the arguments ask for, and print it as JSON."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    clips = [natural_clip(seed) for seed in range(arguments.clips)]
    others = [natural_clip(_FIRST_OTHER_SEED + n, fps=2) for n in range(arguments.others)]
    samples = [sample_clip(clip, FPS) for clip in clips]
    samples += [sample_clip(clip, 2) for clip in others]
    bank = Copies([fingerprint_from_sample(sample) for sample in samples])
    plain = [_plain(sample)[0] for sample in samples[: len(clips)]]
    rows = {name: _measure(name, clips, bank, plain) for name in ALTERATIONS}
    num_pairs = len(ALTERATIONS) * len(clips) * (len(samples) - 1)
    result: dict[str, Any] = {  # Any: becomes JSON
        "clips": len(clips),
        "rows": rows,
        "false": {
            "pairs": num_pairs,
            "ours": sum(row["num_false"] for row in rows.values()),
        },
    }
    print(json.dumps(result, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=20, help="originals, each altered every way")
    parser.add_argument("--others", type=int, default=240, help="clips that nothing is a copy of")
    return parser.parse_args()


def _measure(
    name: str, clips: list[Frames], bank: Copies, plain: list[Words]
) -> dict[str, Any]:  # Any: becomes JSON
    num_found = num_false = num_plain = num_frames = 0
    cpu_s = 0.0
    for number, clip in enumerate(clips):
        sample = sample_clip(altered(name, clip, np.random.default_rng(number)), FPS)
        started_s = time.process_time()
        owners = [copy.owner for copy in bank.find(query_from_sample(sample))]
        cpu_s += time.process_time() - started_s
        num_frames += len(sample.frame_numbers)
        num_found += number in owners
        num_false += len(set(owners) - {number})
        num_plain += _is_plain_match(sample, plain[number])
    return {
        "found": Share(num=num_found, of=len(clips)).as_json(),
        "num_false": num_false,
        "plain_vpdq_found": num_plain,
        "ms_a_frame": round(1000 * cpu_s / num_frames, 1),
    }


def _plain(sample: Sample) -> tuple[Words, int]:
    """Whole frames' hashes as vPDQ keeps them, and how many frames have enough structure."""
    hashes = [pdq_from_picture(frame) for frame in sample.frames_THWC]
    kept = [each.words[:1] for each in hashes if each.quality >= MIN_QUALITY]
    return (np.concatenate(kept) if kept else np.zeros((0, 4), np.uint64)), len(kept)


def _is_plain_match(sample: Sample, reference: Words) -> bool:
    words, num_frames = _plain(sample)
    if not num_frames or not len(reference):
        return False
    nearest_bits = distances(words, reference).min(axis=1)
    return bool((nearest_bits <= MAX_DISTANCE_BITS).mean() >= VPDQ_MIN_SHARE)


if __name__ == "__main__":
    raise SystemExit(main())
