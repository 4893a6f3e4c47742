"""The LTX family on one rank against diffusers' own pipeline, and what it does not do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from telecine_platform.catalogue import ImageUse
from telecine_platform.errors import InvalidRequest, JobCancelled, ModelError
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import Phase, StepControl
from telecine_serve.models.architectures import architecture_from_folder
from telecine_serve.models.images import NO_IMAGES, Images
from telecine_serve.models.load import load_model
from telecine_serve.parallel.placement import Placement
from tests.telecine_serve.engine.checkpoints import SaveAll
from tests.telecine_serve.models.ltx_folder import CARD, FIRST, SPEC, write_ltx
from tests.telecine_serve.specs import diffusers_arguments

_CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ltx(embedded_folder, tmp_path_factory.mktemp("ltx") / "model")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return start_engine(folder, CARD, _CPU)


@pytest.mark.parametrize(
    ("guidance_scale", "images"), [(3.0, NO_IMAGES), (1.0, NO_IMAGES), (3.0, FIRST)]
)
def test_one_rank_equals_diffusers_own_pipeline(
    engine: Engine, folder: Path, guidance_scale: float, images: Images
) -> None:
    import diffusers

    spec = replace(SPEC, guidance_scale=guidance_scale)
    kind = diffusers.LTXPipeline if images is NO_IMAGES else diffusers.LTXImageToVideoPipeline
    pipeline = kind.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    picture = {} if images is NO_IMAGES else {"image": Image.fromarray(images.given[0])}

    def reference(output_type: str) -> torch.Tensor:
        frames = pipeline(
            output_type=output_type,
            frame_rate=spec.fps,
            **diffusers_arguments(spec, CARD.max_text_tokens),
            **picture,
        ).frames
        return torch.as_tensor(frames)

    latents_BCTHW = engine.denoise(spec, StepControl(), images=images)
    tokens_BSC = latents_BCTHW.flatten(2).transpose(1, 2)
    assert tokens_BSC.shape == (1, 27, 8)
    assert (tokens_BSC - reference("latent")).abs().max() <= 1e-5

    levels_THWC = (reference("np")[0] * 255).round().numpy().astype(np.int16)
    frames_THWC = engine.generate(spec, StepControl(), images=images)
    assert frames_THWC is not None
    assert frames_THWC.std() > 5
    assert np.abs(frames_THWC.astype(np.int16) - levels_THWC).max() <= 1


def test_text_and_seed_make_the_clip(engine: Engine) -> None:
    latents = [
        engine.denoise(replace(SPEC, **change), StepControl())
        for change in ({}, {}, {"seed": 8}, {"prompt": "the blue ocean at night"})
    ]

    assert torch.equal(latents[0], latents[1])
    assert not torch.equal(latents[0], latents[2])
    assert not torch.equal(latents[0], latents[3])


def test_resumed_clip_is_the_same_bit_for_bit(engine: Engine) -> None:
    saved = SaveAll()
    whole_BCTHW = engine.denoise(SPEC, StepControl(), checkpoints=saved.writer)

    for checkpoint in saved.checkpoints:
        resumed_BCTHW = engine.denoise(SPEC, StepControl(), resume_from=checkpoint)
        assert torch.equal(resumed_BCTHW, whole_BCTHW)
    assert len(saved.checkpoints) > 1


def test_step_cache_leaves_blocks_out(engine: Engine) -> None:
    control = StepControl()

    engine.denoise(replace(SPEC, step_cache=10.0), control)

    assert control.progress().num_reused == 2 * (SPEC.num_steps - 1)


def test_decode_beats_and_stops_between_its_parts(engine: Engine) -> None:
    class CancelAtPart(StepControl):
        def beat(self) -> None:
            super().beat()
            if self.phase is Phase.DECODING:
                self.cancel()

    with pytest.raises(JobCancelled, match="while the clip was decoded"):
        engine.generate(SPEC, CancelAtPart())


@torch.no_grad()
def test_tiled_decode_is_the_one_of_diffusers(folder: Path) -> None:
    placement = Placement(is_decode_tiled=True)
    decoder = load_model(folder, CARD, torch.float32, _CPU, placement=placement).decoder
    assert decoder is not None
    latents_BCTHW = torch.randn(1, 8, 2, 4, 4, generator=torch.Generator().manual_seed(3))
    whole_THWC = decode_frames(decoder, latents_BCTHW, StepControl())

    decoder.vae.enable_tiling(64, 64, None, 32, 32)
    tiled_THWC = decode_frames(decoder, latents_BCTHW, StepControl())

    expected_BCTHW = decoder.vae.tiled_decode(decoder.prepared(latents_BCTHW), None).sample
    assert tiled_THWC is not None
    assert whole_THWC is not None
    assert tiled_THWC.shape == whole_THWC.shape == (9, 128, 128, 3)
    assert not np.array_equal(tiled_THWC, whole_THWC)
    levels_CTHW = (expected_BCTHW[0] * 0.5 + 0.5).clamp(0, 1).mul(255).round()
    assert np.array_equal(tiled_THWC, levels_CTHW.permute(1, 2, 3, 0).numpy().astype(np.uint8))


def test_clip_that_the_family_cannot_make_is_refused(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match=r"must be 8k\+1"):
        engine.denoise(replace(SPEC, num_frames=13), StepControl())
    with pytest.raises(InvalidRequest, match="multiple of 32"):
        engine.denoise(replace(SPEC, width_px=80), StepControl())
    with pytest.raises(InvalidRequest, match="takes no last_frame"):
        engine.denoise(SPEC, StepControl(), images=Images(last_HWC=FIRST.first_HWC))


def test_folder_that_would_run_wrongly_is_refused(
    embedded_folder: Path, folder: Path, tmp_path: Path
) -> None:
    noisy = write_ltx(embedded_folder, tmp_path / "noisy", timestep_conditioning=True)
    with pytest.raises(ModelError, match="adds noise as it decodes"):
        start_engine(noisy, CARD, _CPU)
    with pytest.raises(ModelError, match="a first frame, optional, and no last one"):
        start_engine(folder, replace(CARD, last_frame=ImageUse.OPTIONAL), _CPU)
    with pytest.raises(ModelError, match="holds a LTXPipeline; known for embedded: WanPipeline"):
        start_engine(folder, replace(CARD, name="embedded", family="wan"), _CPU)
    with pytest.raises(ModelError, match="of the family 'sora'; there is wan, ltx"):
        start_engine(folder, replace(CARD, family="sora"), _CPU)


def test_planner_reads_the_folder(folder: Path) -> None:
    architecture = architecture_from_folder(folder, CARD.max_text_tokens)

    assert (architecture.num_layers, architecture.width, architecture.num_heads) == (3, 96, 4)
    assert (architecture.frames_per_latent, architecture.pixels_per_patch) == (8, 32)
    assert architecture.text_encoder_bytes > 0
    assert architecture.is_decoded_at_once
