"""How well the invisible mark survives, and what it costs: `python -m loadtests.mark --help`.

Clips are made by code, marked, written by our own encoder, attacked, and read from at most 24
frames, as the look-up does. Each clip is a line in a file, so several runs add up to one result;
every share comes with its n and a Wilson 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import av
import cv2
import numpy as np

from loadtests import mark_baseline
from loadtests.mark_attacks import ATTACKS, OWN_ATTACKS, Frames
from loadtests.mark_false import false_ids, false_readings
from loadtests.mark_report import result_from_rows
from loadtests.natural_clips import natural_clip
from loadtests.rows_file import Row, add_rows, read_rows
from telecine_safeguards.output.copies import Copies
from telecine_safeguards.output.fingerprint import fingerprint_from_sample, query_from_sample
from telecine_safeguards.output.sample import sample_clip
from telecine_safeguards.provenance.detect import MAX_FALSE_PER_CLIP, find_mark
from telecine_safeguards.provenance.embed import embed
from telecine_safeguards.provenance.luma import luma_from_rgb
from telecine_serve.embedded.render import render
from telecine_serve.embedded.scenes import draw_paths, draw_scene
from telecine_serve.media.encode import encode_mp4

KEY = b"a key for measuring only, no secret"
NUM_READ = 24


def main() -> int:
    """Add the clips that the file lacks, and print the result of all of its rows."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    settings: Row = {
        "height": arguments.height, "width": arguments.width, "seconds": arguments.seconds,
        "is_embedded": arguments.embedded, "has_own_attacks": arguments.own,
        "only": arguments.only,
    }  # fmt: skip
    seeds = range(arguments.seed, arguments.seed + arguments.clips)
    baseline = range(arguments.seed, arguments.seed + arguments.baseline)
    add_rows(
        arguments.rows, settings, seeds,
        lambda seed: _measure(seed, arguments, with_baseline=seed in baseline),
        for_s=arguments.for_s,
    )  # fmt: skip
    result = result_from_rows(read_rows(arguments.rows, settings))
    if arguments.unmarked:
        started_s = time.process_time()
        num_false = false_ids(arguments.unmarked, first_seed=arguments.seed)
        result["unmarked"] = {
            "n": arguments.unmarked, "false_ids": num_false, "bound": MAX_FALSE_PER_CLIP,
            "cpu_s": round(time.process_time() - started_s),
        }  # fmt: skip
    if arguments.readings:
        num_false = false_readings(arguments.readings, first_seed=arguments.seed)
        result["readings"] = {"n": arguments.readings, "false_ids": num_false}
    print(json.dumps(result, indent=None if arguments.json else 1))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--rows", type=Path, default=Path("mark.jsonl"), help="one line a clip")
    parser.add_argument("--for-s", type=float, default=float("inf"), help="begin no clip later")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the first clip")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=832)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--embedded", action="store_true", help="64x64x17 clips of drawn shapes")
    parser.add_argument("--own", action="store_true", help="two attacks more than the issue's")
    parser.add_argument("--only", default="", help="attacks whose name holds this")
    parser.add_argument("--baseline", type=int, default=0, help="dwtDctSvd too, on so many clips")
    parser.add_argument("--unmarked", type=int, default=0, help="search so many unmarked pictures")
    parser.add_argument("--readings", type=int, default=0, help="read so many without the search")
    return parser.parse_args()


def _clip(seed: int, arguments: argparse.Namespace) -> tuple[Frames, int]:
    if arguments.embedded:
        random = np.random.default_rng(seed)
        scene = draw_scene(random)
        return render(scene, draw_paths(scene, random)), 8
    size_px = (arguments.height, arguments.width)
    return natural_clip(seed, seconds=arguments.seconds, size_px=size_px), 12


def _measure(seed: int, arguments: argparse.Namespace, *, with_baseline: bool) -> Row:
    frames_THWC, fps = _clip(seed, arguments)
    mark_id = 0x5E_ED00_0001 * seed % 2**40
    started_s = time.process_time()
    marked_THWC = embed(frames_THWC, mark_id, KEY)
    embed_cpu_s = time.process_time() - started_s
    released_THWC = _released(marked_THWC, fps)
    kept = Copies([fingerprint_from_sample(sample_clip(marked_THWC, fps))])
    row: Row = {
        "num_frames": len(frames_THWC), "psnr_db": _psnr_db(frames_THWC, marked_THWC),
        "embed_cpu_s": embed_cpu_s, "find_cpu_s": {}, "found": {}, "by_likeness": {},
        "num_wrong": 0,
    }  # fmt: skip
    every = ATTACKS | (OWN_ATTACKS if arguments.own else {})
    attacks = {name: attack for name, attack in every.items() if arguments.only in name}
    for name, attack in attacks.items():
        attacked_THWC = attack(released_THWC, fps)
        started_s = time.process_time()
        mark = find_mark(map(luma_from_rgb, _some(attacked_THWC)), [KEY])
        row["find_cpu_s"][name] = time.process_time() - started_s
        row["found"][name] = mark is not None and mark.mark_id == mark_id
        row["num_wrong"] += mark is not None and mark.mark_id != mark_id
        if not row["found"][name]:  # the look-up goes on to the fingerprint
            query = query_from_sample(sample_clip(attacked_THWC, fps))
            row["by_likeness"][name] = bool(kept.find(query))
    if with_baseline:
        row["baseline"] = _baseline(frames_THWC, fps, mark_id, attacks)
    return row


def _baseline(frames_THWC: Frames, fps: int, mark_id: int, attacks: Row) -> Row:
    """dwtDctSvd under the same attacks."""
    other_THWC = mark_baseline.embed(frames_THWC, mark_id, KEY)
    released_THWC = _released(other_THWC, fps)
    _, height_px, width_px, _ = frames_THWC.shape
    found = {}
    for name, attack in attacks.items():
        some_THWC = _some(attack(released_THWC, fps))
        found[name] = mark_baseline.find(some_THWC, height_px, width_px, KEY) == mark_id
    return {"psnr_db": _psnr_db(frames_THWC, other_THWC), "found": found}


def _released(frames_THWC: Frames, fps: int) -> Frames:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        encode_mp4(path, frames_THWC, fps, {})
        with av.open(str(path)) as container:
            return np.stack([each.to_ndarray(format="rgb24") for each in container.decode(video=0)])


def _some(frames_THWC: Frames) -> Frames:
    places = np.linspace(0, len(frames_THWC) - 1, min(NUM_READ, len(frames_THWC)))
    some_THWC: Frames = frames_THWC[np.rint(places).astype(int)]
    return some_THWC


def _psnr_db(one: Frames, other: Frames) -> float:
    error = np.mean(np.square(one.astype(np.float32) - other))
    return float(10 * np.log10(255**2 / error))


if __name__ == "__main__":
    sys.exit(main())
