"""What a placement keeps off the device changes where a clip is computed, not what comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_platform.errors import ModelError
from telecine_serve.engine import tiled_decode
from telecine_serve.engine.decode import decode_frames
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.engine.text import TextCache, encode_prompts
from telecine_serve.models.load import load_model
from telecine_serve.models.wan.decoder import WanDecoder
from telecine_serve.parallel.placement import Placement
from tests.telecine_serve.engine.checkpoints import SaveAll
from tests.telecine_serve.engine.conditioned import SPEC
from tests.telecine_serve.models.variants import CARDS, write_variant

_CPU = torch.device("cpu")
_NAME = "two-experts"
_SMALL_TILES = (32, 32, 24, 24)
_TURNS = Placement(are_all_experts_resident=False)


@pytest.fixture(scope="module")
def folder(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_variant(embedded_folder, tmp_path_factory.mktemp("placement") / _NAME, _NAME)


def test_experts_that_take_turns_make_the_same_clip_bit_for_bit(folder: Path) -> None:
    resident = start_engine(folder, CARDS[_NAME], _CPU)
    turns = start_engine(folder, CARDS[_NAME], _CPU, placement=_TURNS)
    saved = SaveAll()
    expected_BCTHW = resident.denoise(SPEC, StepControl(), checkpoints=saved.writer)

    seat = turns.model.seat
    assert seat is not None
    for num_clips in (1, 2):
        assert torch.equal(turns.denoise(SPEC, StepControl()), expected_BCTHW)
        assert seat.num_copies == 2 * num_clips
    for checkpoint in saved.checkpoints:  # before the boundary, and after it
        resumed_BCTHW = turns.denoise(SPEC, StepControl(), resume_from=checkpoint)
        assert torch.equal(resumed_BCTHW, expected_BCTHW)


def test_model_with_one_expert_has_no_turns_to_take(embedded_folder: Path) -> None:
    card = card_from_name("embedded")

    assert load_model(embedded_folder, card, torch.float32, _CPU, placement=_TURNS).seat is None


@torch.no_grad()
def test_text_is_encoded_on_the_host_for_a_model_on_the_device(folder: Path) -> None:
    """torch's meta device stands for a GPU: it is another one, and computes shapes only."""
    device = torch.device("meta")
    placement = Placement(is_text_encoder_on_gpu=False, are_all_experts_resident=False)

    model = load_model(folder, CARDS[_NAME], torch.float32, device, placement=placement)

    assert model.ends is not None
    assert model.decoder is not None
    modules = {"text": model.ends.text_encoder, "vae": model.decoder.vae}
    modules |= {str(place): expert.transformer for place, expert in enumerate(model.experts)}
    found = {
        name: {tensor.device.type for tensor in [*module.parameters(), *module.buffers()]}
        for name, module in modules.items()
    }
    assert found == {"text": {"cpu"}, "vae": {"meta"}, "0": {"meta"}, "1": {"meta"}}
    (text,) = encode_prompts(model, ["a red ball"], None, TextCache())
    assert text.hidden_BSD.device == text.mask_BS.device == device
    assert text.hidden_BSD.shape == (1, CARDS[_NAME].max_text_tokens, model.geometry.text_width)


@torch.no_grad()
def test_tiled_decode_is_the_one_of_diffusers(embedded_folder: Path) -> None:
    from diffusers import AutoencoderKLWan

    card = card_from_name("embedded")
    model = load_model(
        embedded_folder, card, torch.float32, _CPU, placement=Placement(is_decode_tiled=True)
    )
    shape_BCTHW = (1, 16, 1, 6, 40)  # 320 pixels wide: two tiles
    latents_BCTHW = torch.randn(shape_BCTHW, generator=torch.Generator().manual_seed(1))
    vae = AutoencoderKLWan.from_pretrained(embedded_folder, subfolder="vae").eval()

    assert model.decoder is not None
    tiled_THWC = decode_frames(model.decoder, latents_BCTHW, StepControl())

    whole_THWC = decode_frames(WanDecoder(vae), latents_BCTHW, StepControl())
    vae.enable_tiling()
    expected_THWC = decode_frames(WanDecoder(vae), latents_BCTHW, StepControl())
    assert tiled_THWC is not None
    assert expected_THWC is not None
    assert whole_THWC is not None
    assert np.array_equal(tiled_THWC, expected_THWC)
    assert not np.array_equal(tiled_THWC, whole_THWC)


@torch.no_grad()
def test_tiles_that_diffusers_does_not_ask_for_are_noticed(embedded_folder: Path) -> None:
    decoder = load_model(embedded_folder, card_from_name("embedded"), torch.float32, _CPU).decoder
    assert decoder is not None
    vae = decoder.vae
    vae.enable_tiling(*_SMALL_TILES)
    latents_BCTHW = torch.zeros(1, 16, 1, 6, 6)
    tiles = [torch.zeros(1, 12, 1, 16, 16)]

    with (
        pytest.raises(ModelError, match="cuts more tiles"),
        tiled_decode._decoder_gives(vae, tiles),
    ):
        vae.tiled_decode(latents_BCTHW)
    with (
        pytest.raises(ModelError, match="cuts fewer tiles"),
        tiled_decode._decoder_gives(vae, tiles * 9),
    ):
        vae.tiled_decode(latents_BCTHW)
