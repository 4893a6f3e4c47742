from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import InvalidRequest, JobCancelled
from telecine_platform.records import VideoSpec
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import Phase, StepControl
from tests.telecine_serve.specs import diffusers_arguments, small_spec


@pytest.fixture(scope="module")
def engine(embedded_folder: Path) -> Engine:
    return start_engine(embedded_folder, card_from_name("embedded"), torch.device("cpu"))


def _frames(engine: Engine, spec: VideoSpec) -> np.ndarray:
    frames_THWC = engine.generate(spec, StepControl())
    assert frames_THWC is not None
    return frames_THWC


@pytest.mark.parametrize(
    ("guidance_scale", "is_per_token", "tolerance"),
    [
        (3.0, False, 1e-5),
        (1.0, False, 1e-5),
        # diffusers embeds the same timestep for each token then: other shapes, other rounding.
        (3.0, True, 5e-5),
    ],
)
def test_one_rank_equals_diffusers_own_pipeline(
    engine: Engine,
    embedded_folder: Path,
    guidance_scale: float,
    is_per_token: bool,
    tolerance: float,
) -> None:
    from diffusers import WanPipeline

    spec = small_spec(guidance_scale=guidance_scale, negative_prompt="dark fog")
    pipeline = WanPipeline.from_pretrained(embedded_folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.register_to_config(expand_timesteps=is_per_token)

    def reference(output_type: str) -> torch.Tensor:
        frames = pipeline(
            output_type=output_type,
            **diffusers_arguments(spec, card_from_name("embedded").max_text_tokens),
        ).frames
        return torch.as_tensor(frames)

    latents_BCTHW = engine.denoise(spec, StepControl())
    assert (latents_BCTHW - reference("latent")).abs().max() <= tolerance

    levels_THWC = (reference("np")[0] * 255).round().numpy().astype(np.int16)
    assert np.abs(_frames(engine, spec).astype(np.int16) - levels_THWC).max() <= 1


def test_frames_have_the_asked_size_and_visible_variation(engine: Engine) -> None:
    spec = small_spec(width_px=96, num_frames=17)

    frames_THWC = _frames(engine, spec)

    assert frames_THWC.shape == (17, 64, 96, 3)
    assert frames_THWC.dtype == np.uint8
    assert frames_THWC.reshape(17, -1).std(axis=1).min() > 5


def test_same_seed_gives_the_same_frames(engine: Engine) -> None:
    assert np.array_equal(_frames(engine, small_spec()), _frames(engine, small_spec()))


@pytest.mark.parametrize("change", [{"seed": 8}, {"prompt": "the blue ocean at night"}])
def test_other_seed_or_prompt_gives_other_frames(engine: Engine, change: dict[str, object]) -> None:
    assert not np.array_equal(_frames(engine, small_spec()), _frames(engine, small_spec(**change)))


@pytest.mark.parametrize(
    "change", [{"width_px": 60}, {"height_px": 0}, {"num_frames": 10}, {"num_steps": 0}]
)
def test_size_that_the_model_cannot_make_is_refused(engine: Engine, change: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest):
        engine.generate(small_spec(**change), StepControl())


class _CancelAt(StepControl):
    """Cancels itself when `step` is done."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._cancel_at = step

    def at_boundary(self, step: int, num_steps: int) -> None:
        if step == self._cancel_at:
            self.cancel()
        super().at_boundary(step, num_steps)


@pytest.mark.parametrize("step", [0, 2, 3])
def test_cancelled_generation_stops_and_the_engine_stays_usable(engine: Engine, step: int) -> None:
    control = _CancelAt(step)

    with pytest.raises(JobCancelled, match=f"after {step} of 3"):
        engine.generate(small_spec(), control)

    assert _frames(engine, small_spec()).shape == (9, 64, 64, 3)


class _CancelAtFrame(StepControl):
    """Cancels itself when it has seen so many latent frames decoded."""

    def __init__(self, num_frames: int) -> None:
        super().__init__()
        self._num_left = num_frames

    def beat(self) -> None:
        super().beat()
        if self.phase is Phase.DECODING:
            self._num_left -= 1
            if self._num_left == 0:
                self.cancel()


def test_decode_stops_at_the_next_latent_frame_and_the_engine_stays_usable(engine: Engine) -> None:
    expected_THWC = _frames(engine, small_spec())
    decoded = []
    assert engine.model.decoder is not None
    hook = engine.model.decoder.vae.decoder.register_forward_hook(lambda *_: decoded.append(1))

    with pytest.raises(JobCancelled, match="while the clip was decoded"):
        engine.generate(small_spec(), _CancelAtFrame(2))
    hook.remove()

    assert len(decoded) == 2
    assert np.array_equal(_frames(engine, small_spec()), expected_THWC)


def test_progress_ends_done_with_a_beat_for_each_piece_of_work(engine: Engine) -> None:
    control = StepControl()

    engine.generate(small_spec(), control)

    progress = control.progress()
    num_blocks, num_forwards, num_latent_frames, num_phases = 5, 2 * 3, 3, 4
    assert (progress.phase, progress.step, progress.num_steps) == (Phase.DONE, 3, 3)
    assert progress.num_beats == num_blocks * num_forwards + num_latent_frames + num_phases + 4
