"""Each member of the Wan family on one rank against diffusers' own pipeline, before the VAE."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from telecine_platform.errors import InvalidRequest, ModelError
from telecine_platform.records import VideoSpec
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.models.images import NO_IMAGES, Images
from tests.telecine_serve.engine.conditioned import BOTH, CASES, FIRST, SPEC
from tests.telecine_serve.models.variants import CARDS, write_variant
from tests.telecine_serve.specs import diffusers_arguments, small_spec


def _of_diffusers(folder: Path, images: Images, max_tokens: int, **arguments: Any) -> torch.Tensor:
    import diffusers

    pipeline_class = diffusers.WanImageToVideoPipeline if images.given else diffusers.WanPipeline
    pipeline = pipeline_class.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    for name, picture_HWC in (("image", images.first_HWC), ("last_image", images.last_HWC)):
        if picture_HWC is not None:
            arguments[name] = Image.fromarray(picture_HWC)
    latents_BCTHW: torch.Tensor = pipeline(
        output_type="latent", **diffusers_arguments(SPEC, max_tokens), **arguments
    ).frames
    return latents_BCTHW


@pytest.fixture(autouse=True)
def _without_ftfy(monkeypatch: pytest.MonkeyPatch) -> None:
    """diffusers 0.42.1's image pipeline calls ftfy also where it is not installed."""
    from diffusers.pipelines.wan import pipeline_wan_i2v

    stand_in = SimpleNamespace(fix_text=lambda text: text)
    monkeypatch.setattr(pipeline_wan_i2v, "ftfy", stand_in, raising=False)


@pytest.mark.parametrize(("name", "images"), CASES)
def test_one_rank_equals_diffusers_own_pipeline(
    embedded_folder: Path, tmp_path: Path, name: str, images: Images
) -> None:
    folder, card = write_variant(embedded_folder, tmp_path / name, name), CARDS[name]
    engine = start_engine(folder, card, torch.device("cpu"))
    guidance = {}
    if name.startswith("two-experts"):
        guidance["guidance_scale_2"] = SPEC.guidance_scale * card.low_noise_guidance

    latents_BCTHW = engine.denoise(SPEC, StepControl(), images=images)

    expected_BCTHW = _of_diffusers(folder, images, card.max_text_tokens, **guidance)
    assert latents_BCTHW.shape == expected_BCTHW.shape
    assert (latents_BCTHW - expected_BCTHW).abs().max() <= 1e-5


def test_first_frame_of_the_clip_is_the_picture(embedded_folder: Path) -> None:
    """As far as the VAE can draw it: what is decoded begins with its own view of the picture."""
    engine = start_engine(embedded_folder, CARDS["ti2v"], torch.device("cpu"))

    with_picture_BCTHW = engine.denoise(SPEC, StepControl(), images=FIRST)
    other_seed_BCTHW = engine.denoise(small_spec(width_px=96, seed=8), StepControl(), images=FIRST)

    assert torch.equal(with_picture_BCTHW[:, :, 0], other_seed_BCTHW[:, :, 0])
    assert not torch.equal(with_picture_BCTHW[:, :, 1], other_seed_BCTHW[:, :, 1])


@pytest.mark.parametrize(
    ("images", "spec", "message"),
    [
        (BOTH, SPEC, "takes no last_frame"),
        (FIRST, small_spec(), "is of shape .64, 96, 3.; the clip is 64x64"),
    ],
)
def test_picture_that_does_not_fit_is_refused(
    embedded_folder: Path, images: Images, spec: VideoSpec, message: str
) -> None:
    engine = start_engine(embedded_folder, CARDS["ti2v"], torch.device("cpu"))

    with pytest.raises(InvalidRequest, match=message):
        engine.denoise(spec, StepControl(), images=images)


def test_model_that_needs_a_picture_says_so(embedded_folder: Path, tmp_path: Path) -> None:
    folder = write_variant(embedded_folder, tmp_path / "i2v", "i2v")
    engine = start_engine(folder, CARDS["i2v"], torch.device("cpu"))

    with pytest.raises(InvalidRequest, match="needs a picture: first_frame"):
        engine.denoise(SPEC, StepControl(), images=NO_IMAGES)


def test_card_that_promises_what_the_folder_cannot_is_refused(
    embedded_folder: Path, tmp_path: Path
) -> None:
    folder = write_variant(embedded_folder, tmp_path / "i2v-clip", "i2v-clip")

    with pytest.raises(ModelError, match=r"last_frame required.*can do: never"):
        start_engine(folder, CARDS["flf2v-clip"], torch.device("cpu"))
    with pytest.raises(ModelError, match="needs 512"):
        start_engine(folder, replace(CARDS["i2v-clip"], max_text_tokens=64), torch.device("cpu"))
