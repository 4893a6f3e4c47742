"""How well copies are found: `python -m loadtests.moderation --help`.

Procedural clips (seeds from 0 on) are altered, encoded and looked up among their originals and
other clips; beside it, in the same run, plain PDQ of whole frames by vPDQ's rule (distance at most
31, 80 % of the frames). Each clip is a line in a file, so several runs add up to one result; every
figure comes with its n and a Wilson 95 % interval; every pair of a copy and another clip counts for
the false matches.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import faiss
import numpy as np

from loadtests.moderation_alterations import ALTERATIONS, altered
from loadtests.moderation_bank import bank_speed
from loadtests.moderation_costs import costs
from loadtests.moderation_replicas import replica_rates
from loadtests.moderation_report import result_from_rows
from loadtests.natural_clips import FPS, natural_clip
from loadtests.rows_file import Row, add_rows, read_rows
from telecine_safeguards.output.copies import MAX_DISTANCE_BITS, Copies
from telecine_safeguards.output.fingerprint import (
    MIN_QUALITY,
    fingerprint_from_sample,
    query_from_sample,
)
from telecine_safeguards.output.looks import OWN_CHECKS
from telecine_safeguards.output.pdq import Words, distances, pdq_from_picture
from telecine_safeguards.output.sample import Sample, sample_clip

VPDQ_MIN_SHARE = 0.8
"""vPDQ's default (facebook/ThreatExchange vpdq/README.md@03f2837)."""
_FIRST_OTHER_SEED = 10_000


def main() -> int:
    """Measure what the file lacks, and print the result of all of its rows."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    settings: Row = {"others": arguments.others, "alterations": list(ALTERATIONS)}
    if set(range(arguments.clips)) - {row["seed"] for row in read_rows(arguments.rows, settings)}:
        others = _Others(arguments.others)
        add_rows(
            arguments.rows, settings, range(arguments.clips), lambda seed: _measure(seed, others),
            for_s=arguments.for_s,
        )  # fmt: skip
    result = result_from_rows(read_rows(arguments.rows, settings))
    if arguments.replicas:
        settings = {"size_px": [480, 832], "seconds": 5.0, "checks": ",".join(OWN_CHECKS)}
        result["replicas"] = replica_rates(arguments.replicas, arguments.replica_clips, settings)
    if arguments.costs:
        result["costs"] = costs((480, 832), 5.0)
    if arguments.bank:
        result["bank"] = bank_speed(arguments.bank)
    print(json.dumps(result, indent=1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, default=Path("moderation.jsonl"))
    parser.add_argument("--for-s", type=float, default=float("inf"), help="begin no clip later")
    parser.add_argument("--clips", type=int, default=20, help="originals, each altered every way")
    parser.add_argument("--others", type=int, default=250, help="clips that nothing is a copy of")
    parser.add_argument("--costs", action="store_true", help="of one 480p clip, part by part")
    parser.add_argument("--bank", type=int, default=0, help="look up among so many hashes, timed")
    parser.add_argument("--replicas", type=_counts, default=(), help="rates of so many, as 1,2")
    parser.add_argument("--replica-clips", type=int, default=12, help="clips for each rate")
    return parser.parse_args()


def _counts(words: str) -> tuple[int, ...]:
    return tuple(int(word) for word in words.split(","))


class _Others:
    """The fingerprints of clips that nothing is a copy of."""

    def __init__(self, num_clips: int) -> None:
        samples = [
            sample_clip(natural_clip(_FIRST_OTHER_SEED + number, fps=2), 2)
            for number in range(num_clips)
        ]
        self.fingerprints = [fingerprint_from_sample(each) for each in samples]
        self.plain = [_plain(each) for each in samples]


def _measure(seed: int, others: _Others) -> Row:
    """One original, altered in every way, among the others: the last owner is the right one."""
    clip = natural_clip(seed)
    sample = sample_clip(clip, FPS)
    bank = Copies([*others.fingerprints, fingerprint_from_sample(sample)])
    own, plain = len(others.fingerprints), _plain(sample)
    row: Row = {"found": {}, "false": 0, "plain_found": {}, "plain_false": 0, "ms_a_frame": {}}
    for name in ALTERATIONS:
        copy = sample_clip(altered(name, clip, np.random.default_rng(seed)), FPS)
        started_s = time.process_time()
        owners = {each.owner for each in bank.find(query_from_sample(copy))}
        cpu_s = time.process_time() - started_s
        row["ms_a_frame"][name] = 1000 * cpu_s / len(copy.frame_numbers)
        row["found"][name] = own in owners
        row["false"] += len(owners - {own})
        words = _plain(copy)
        row["plain_found"][name] = _is_plain_match(words, plain)
        row["plain_false"] += sum(_is_plain_match(words, other) for other in others.plain)
    return row


def _plain(sample: Sample) -> Words:
    """Whole frames' hashes as vPDQ keeps them: those with enough structure."""
    hashes = [pdq_from_picture(frame) for frame in sample.frames_THWC]
    kept = [each.words[:1] for each in hashes if each.quality >= MIN_QUALITY]
    return np.concatenate(kept) if kept else np.zeros((0, 4), np.uint64)


def _is_plain_match(words: Words, reference: Words) -> bool:
    if not len(words) or not len(reference):
        return False
    nearest_bits = distances(words, reference).min(axis=1)
    return bool((nearest_bits <= MAX_DISTANCE_BITS).mean() >= VPDQ_MIN_SHARE)


if __name__ == "__main__":
    raise SystemExit(main())
