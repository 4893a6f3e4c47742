"""What a step cache saves and costs: the embedded model with several thresholds, on one rank.

`python -m loadtests.step_cache --json`. Every prompt is made with each threshold and the same seed;
0, the exact clip, is what the others are compared with. Reported per threshold: the share of
forward passes that were shortened, CPU seconds of denoising a clip, the drift of its latents (L2,
relative), the PSNR of its frames, and how many clips show what was asked, as a detector of colour,
shape, motion and background sees them (`embedded/evaluation.py`).
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click
import numpy as np

from loadtests.embedded_engine import open_engine, request

if TYPE_CHECKING:
    import torch

    from telecine_serve.engine.pipeline import Engine

THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3)
_SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Means over the clips of one threshold."""

    threshold: float
    num_clips: int
    reused_share: float
    cpu_s: float
    latents_drift: float
    psnr_db: float
    num_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clip:
    latents_BCTHW: torch.Tensor
    frames_THWC: np.ndarray
    cpu_s: float
    reused_share: float


def measure(thresholds: tuple[float, ...], num_clips: int) -> list[Measured]:
    """The first threshold has to be 0."""
    from telecine_serve.embedded.detector import read_scene
    from telecine_serve.embedded.evaluation import draw_prompts, judge, psnr_db

    asked = draw_prompts(_SEED, num_seen=num_clips, num_held_out=0, num_pairs=0, num_chinese=0)
    engine = open_engine()
    results = []
    exact: list[_Clip] = []
    for threshold in thresholds:
        clips = [_make(engine, one.prompt, seed, threshold) for seed, one in enumerate(asked)]
        exact = exact or clips
        seen = [read_scene(clip.frames_THWC, 1) for clip in clips]
        pairs = list(zip(clips, exact, strict=True))
        results.append(
            Measured(
                threshold=threshold,
                num_clips=num_clips,
                reused_share=float(np.mean([clip.reused_share for clip in clips])),
                cpu_s=float(np.mean([clip.cpu_s for clip in clips])),
                latents_drift=float(np.mean([_drift(*pair) for pair in pairs])),
                psnr_db=float(
                    np.mean([psnr_db(clip.frames_THWC, other.frames_THWC) for clip, other in pairs])
                ),
                num_right=sum(
                    judge(one.scene, scene)["all"] for one, scene in zip(asked, seen, strict=True)
                ),
            )
        )
    return results


def _make(engine: Engine, prompt: str, seed: int, threshold: float) -> _Clip:
    from telecine_serve.engine.decode import decode_frames
    from telecine_serve.engine.step_control import StepControl

    spec = request(prompt, seed, step_cache=threshold)
    control = StepControl()
    began_s = time.process_time()
    latents_BCTHW = engine.denoise(spec, control)
    cpu_s = time.process_time() - began_s
    assert engine.model.decoder is not None  # as below
    frames_THWC = decode_frames(engine.model.decoder, latents_BCTHW, StepControl())
    assert frames_THWC is not None  # one rank is the leader
    return _Clip(
        latents_BCTHW=latents_BCTHW,
        frames_THWC=frames_THWC,
        cpu_s=cpu_s,
        reused_share=control.progress().num_reused / (2 * spec.num_steps),
    )


def _drift(clip: _Clip, exact: _Clip) -> float:
    difference = (clip.latents_BCTHW - exact.latents_BCTHW).norm() / exact.latents_BCTHW.norm()
    return float(difference)


@click.command()
@click.option("--clips", "num_clips", default=20)
@click.option("--json", "as_json", is_flag=True)
def main(num_clips: int, as_json: bool) -> None:
    """Measure each threshold in turn."""
    results = measure(THRESHOLDS, num_clips)
    if as_json:
        click.echo(json.dumps([asdict(result) for result in results], indent=2))
        return
    exact_s = results[0].cpu_s
    for result in results:
        click.echo(
            f"{result.threshold:5.2f}  reused {result.reused_share:4.0%}  {result.cpu_s:.3f} CPU s "
            f"({exact_s / result.cpu_s:.2f}x)  drift {result.latents_drift:.3f}  "
            f"{result.psnr_db:.1f} dB  right {result.num_right}/{result.num_clips}"
        )


if __name__ == "__main__":
    main()
