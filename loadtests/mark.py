"""How well the invisible mark survives, and what it costs: `python -m loadtests.mark --help`.

Every share comes with its n and a Wilson 95 % interval. Clips are made by code, marked, written by
our own encoder, attacked, and read from at most 24 frames, as the look-up does.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import cv2
import numpy as np

from loadtests import mark_baseline
from loadtests.mark_attacks import ATTACKS, Frames
from loadtests.mark_false import false_ids, false_readings
from loadtests.natural_clips import natural_clip
from loadtests.screening_score import Share
from telecine_safeguards.provenance.detect import MAX_FALSE_PER_CLIP, find_mark
from telecine_safeguards.provenance.embed import embed
from telecine_safeguards.provenance.luma import luma_from_rgb
from telecine_serve.embedded.render import render
from telecine_serve.embedded.scenes import draw_paths, draw_scene
from telecine_serve.media.encode import encode_mp4

KEY = b"a key for measuring only, no secret"
NUM_READ = 24


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was counted so far."""

    psnr_db: list[float] = field(default_factory=list)
    baseline_psnr_db: list[float] = field(default_factory=list)
    embed_cpu_s: list[float] = field(default_factory=list)
    find_cpu_s: list[float] = field(default_factory=list)
    found: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    baseline_found: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    num_wrong: int = 0


def main() -> int:
    """Measure what the arguments ask for."""
    arguments = _arguments()
    cv2.setNumThreads(1)
    tally = Tally()
    for number, (frames_THWC, fps) in enumerate(_clips(arguments)):
        _measure(tally, frames_THWC, fps, number, baseline=number < arguments.baseline)
        print(json.dumps(_result(tally)), file=sys.stderr, flush=True)
    result = _result(tally)
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
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="of the first clip")
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--width", type=int, default=832)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--embedded", action="store_true", help="64x64x17 clips of drawn shapes")
    parser.add_argument("--baseline", type=int, default=0, help="dwtDctSvd too, on so many clips")
    parser.add_argument("--unmarked", type=int, default=0, help="search so many unmarked pictures")
    parser.add_argument("--readings", type=int, default=0, help="read so many without the search")
    return parser.parse_args()


def _clips(arguments: argparse.Namespace) -> Iterator[tuple[Frames, int]]:
    for seed in range(arguments.seed, arguments.seed + arguments.clips):
        if arguments.embedded:
            random = np.random.default_rng(seed)
            scene = draw_scene(random)
            yield render(scene, draw_paths(scene, random)), 8
        else:
            size_px = (arguments.height, arguments.width)
            yield natural_clip(seed, seconds=arguments.seconds, size_px=size_px), 12


def _measure(tally: Tally, frames_THWC: Frames, fps: int, number: int, *, baseline: bool) -> None:
    mark_id = 0x5E_ED00_0001 * (number + 1) % 2**40
    started_s = time.process_time()
    marked_THWC = embed(frames_THWC, mark_id, KEY)
    tally.embed_cpu_s.append(time.process_time() - started_s)
    tally.psnr_db.append(_psnr_db(frames_THWC, marked_THWC))
    released_THWC = _released(marked_THWC, fps)
    for name, attack in ATTACKS.items():
        attacked_THWC = attack(released_THWC, fps)
        started_s = time.process_time()
        mark = find_mark(map(luma_from_rgb, _some(attacked_THWC)), [KEY])
        tally.find_cpu_s.append(time.process_time() - started_s)
        tally.found[name].append(mark is not None and mark.mark_id == mark_id)
        tally.num_wrong += mark is not None and mark.mark_id != mark_id
    if baseline:
        other_THWC = mark_baseline.embed(frames_THWC, mark_id, KEY)
        tally.baseline_psnr_db.append(_psnr_db(frames_THWC, other_THWC))
        released_THWC = _released(other_THWC, fps)
        for name, attack in ATTACKS.items():
            some_THWC = _some(attack(released_THWC, fps))
            _, height_px, width_px, _ = frames_THWC.shape
            found = mark_baseline.find(some_THWC, height_px, width_px, KEY)
            tally.baseline_found[name].append(found == mark_id)


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


def _result(tally: Tally) -> dict[str, object]:
    if not tally.psnr_db:
        return {}
    result: dict[str, object] = {
        "clips": len(tally.psnr_db),
        "psnr_db": {"min": min(tally.psnr_db), "mean": float(np.mean(tally.psnr_db))},
        "embed_cpu_s": float(np.median(tally.embed_cpu_s)),
        "find_cpu_s": float(np.median(tally.find_cpu_s)),
        "wrong_ids": tally.num_wrong,
        "found": {name: _share(hits) for name, hits in tally.found.items()},
    }
    if tally.baseline_found:
        result["dwtDctSvd"] = {
            "psnr_db": float(np.mean(tally.baseline_psnr_db)),
            "found": {name: _share(hits) for name, hits in tally.baseline_found.items()},
        }
    return result


def _share(hits: list[bool]) -> dict[str, object]:
    return Share(num=sum(hits), of=len(hits)).as_json()


if __name__ == "__main__":
    sys.exit(main())
