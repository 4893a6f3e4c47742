"""The embedded model's parts, untrained: a tiny member of the Wan family in diffusers' own classes.

Compression 4x8x8 (frames, height, width) into 16 channels; the transformer sees a 64x64 clip of 17
frames as 5 x 4 x 4 tokens. Only sizes stand here: training fills the weights in.
"""

from __future__ import annotations

from typing import Any

from telecine_serve.embedded.captions import vocabulary

LATENT_CHANNELS = 16
TEXT_DIM = 96
MAX_TEXT_TOKENS = 512
"""What WanPipeline pads every prompt to."""
PAD, END, UNKNOWN = "<pad>", "</s>", "<unk>"
SUMMARIES = ("<first>", "<second>", "<scene>")
"""Behind every text: what it says of each thing, and of the rest. Training teaches them that, so
that the transformer need not find out which colour belongs to which word."""
_NUM_HEADS = 4
_HEAD_DIM = 48


def build_tokenizer() -> Any:  # Any: tokenizers and transformers ship no types
    """One token per known word or Chinese character; the summaries and `</s>` are appended.

    So even an empty prompt has tokens, and no row of the attention is ever fully padding.
    """
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = (PAD, END, UNKNOWN, *SUMMARIES, *vocabulary())
    id_from_word = {word: id_ for id_, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(id_from_word, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("[\u4e00-\u9fff]"), behavior="isolated"),
            pre_tokenizers.Whitespace(),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(("$A", *SUMMARIES, END)),
        special_tokens=[(word, id_from_word[word]) for word in (*SUMMARIES, END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        model_max_length=MAX_TEXT_TOKENS,
    )


def build_text_encoder() -> Any:  # Any: transformers' classes are untyped here
    from transformers import UMT5Config, UMT5EncoderModel

    config = UMT5Config(
        vocab_size=3 + len(SUMMARIES) + len(vocabulary()),
        d_model=TEXT_DIM,
        d_kv=24,
        d_ff=192,
        num_layers=3,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        pad_token_id=0,
        eos_token_id=1,
    )
    return UMT5EncoderModel(config)


def build_vae() -> Any:  # Any: diffusers ships no types
    """The decoder is wider than the encoder: it has to draw what the latents only hint at."""
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=16,
        decoder_base_dim=24,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[True, True],
        is_residual=True,
        patch_size=2,
        in_channels=12,
        out_channels=12,
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
        scale_factor_temporal=4,
        scale_factor_spatial=8,
    )


def build_transformer() -> Any:  # Any: diffusers ships no types
    from diffusers import WanTransformer3DModel

    dim = _NUM_HEADS * _HEAD_DIM
    return WanTransformer3DModel(
        patch_size=(1, 2, 2),
        num_attention_heads=_NUM_HEADS,
        attention_head_dim=_HEAD_DIM,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        text_dim=TEXT_DIM,
        freq_dim=64,
        ffn_dim=3 * dim,
        num_layers=5,
        cross_attn_norm=True,
    )
