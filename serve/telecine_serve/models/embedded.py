"""The model that needs no download: a tiny member of the Wan family, written by us.

It exists so that the whole chain runs on a laptop without network or account. It is an ordinary
diffusers folder: nothing but this file knows how its weights came about. Invariant: the same seed
gives the same bytes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch

from telecine_serve.models.checksums import write_checksums
from telecine_serve.models.embedded_words import END, PAD, UNKNOWN, WORDS

_TEXT_DIM = 64
_MAX_TEXT_TOKENS = 512
_LATENT_CHANNELS = 16
_NUM_HEADS = 4
_HEAD_DIM = 32


def write_embedded_model(folder: Path, seed: int = 0) -> None:
    """Write the model into `folder` in diffusers' format, in one atomic step.

    A folder that is already there is left as it is, so that several processes may call this at
    once. Takes about a second; about 8 MB.
    """
    if folder.exists():
        return
    # Imported late: it takes seconds, and most callers find the folder already there.
    import transformers

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        transformers.utils.logging.disable_progress_bar()
        _build_pipeline(seed).save_pretrained(unfinished, safe_serialization=True)
        write_checksums(unfinished)
        unfinished.chmod(0o755)
        _rename_unless_taken(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _rename_unless_taken(unfinished: Path, folder: Path) -> None:
    try:
        os.rename(unfinished, folder)
    except OSError:
        if not folder.is_dir():
            raise


def _build_pipeline(seed: int) -> Any:  # Any: diffusers ships no types
    from diffusers import FlowMatchEulerDiscreteScheduler, WanPipeline

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return WanPipeline(
            tokenizer=_build_tokenizer(),
            text_encoder=_build_text_encoder(),
            vae=_build_vae(),
            transformer=_build_transformer(),
            scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
            expand_timesteps=True,  # as Wan 2.2 TI2V: the first frame may be given
        )


def _build_tokenizer() -> Any:  # Any: tokenizers and transformers ship no types
    """One token per known word; `</s>` is appended, so an empty prompt is one token."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    id_from_word = {word: id_ for id_, word in enumerate((PAD, END, UNKNOWN, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(id_from_word, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, id_from_word[END])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=_MAX_TEXT_TOKENS,
    )


def _build_text_encoder() -> Any:  # Any: transformers' classes are untyped here
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=3 + len(WORDS),
        d_model=_TEXT_DIM,
        d_kv=16,
        d_ff=128,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
    )
    return UMT5EncoderModel(config).eval()


def _build_vae() -> Any:  # Any: diffusers ships no types
    """Compression 4x8x8, as in Wan 2.1; the decoder works on 2x2 pixel patches for speed."""
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=16,
        z_dim=_LATENT_CHANNELS,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        is_residual=True,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        latents_mean=[0.0] * _LATENT_CHANNELS,
        latents_std=[1.0] * _LATENT_CHANNELS,
        scale_factor_temporal=4,
        scale_factor_spatial=8,
    ).eval()


def _build_transformer() -> Any:  # Any: diffusers ships no types
    from diffusers import WanTransformer3DModel

    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=_NUM_HEADS,
        attention_head_dim=_HEAD_DIM,
        in_channels=_LATENT_CHANNELS,
        out_channels=_LATENT_CHANNELS,
        text_dim=_TEXT_DIM,
        freq_dim=64,
        ffn_dim=4 * _NUM_HEADS * _HEAD_DIM,
        num_layers=4,
        cross_attn_norm=True,
    ).eval()
