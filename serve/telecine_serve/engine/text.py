"""From prompts to what the transformer attends to.

The leader encodes and broadcasts, for two reasons: Wan's encoder (UMT5-XXL) takes 11 GB in
bfloat16, which the other ranks can then give to the video; and all ranks hold the same bits, also
on hosts whose kernels round differently. Dims: B batch, S text tokens, D encoder width.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections import OrderedDict

import torch

from telecine_serve.models.wan import WanEnds, WanModel
from telecine_serve.parallel.collectives import broadcast
from telecine_serve.parallel.mesh import RankContext


def clean_prompt(text: str) -> str:
    """The text as the tokenizer sees it: HTML entities resolved twice, white space collapsed.

    Screening has to look at this form: `&#66;` becomes a letter here. Source: `prompt_clean` in
    diffusers 0.42.1 `pipelines/wan/pipeline_wan.py`, without the optional ftfy repair.
    """
    unescaped = html.unescape(html.unescape(text)).strip()
    return re.sub(r"\s+", " ", unescaped).strip()


class TextCache:
    """The leader's latest embeddings: of clip after clip, the negative prompt is often the same.

    A prompt is known by its digest only. An entry is 4 MB for UMT5-XXL in bfloat16.
    """

    def __init__(self, max_texts: int = 16) -> None:
        self._max_texts = max_texts
        self._text_from_digest: OrderedDict[bytes, torch.Tensor] = OrderedDict()
        self.num_hits = 0

    def encoded(self, model: WanModel, ends: WanEnds, prompt: str) -> torch.Tensor:
        """`text_BSD`; not to be changed in place."""
        digest = hashlib.sha256(clean_prompt(prompt).encode()).digest()
        text_BSD = self._text_from_digest.pop(digest, None)
        if text_BSD is None:
            text_BSD = _encode(model, ends, prompt)
        else:
            self.num_hits += 1
        self._text_from_digest[digest] = text_BSD
        if len(self._text_from_digest) > self._max_texts:
            self._text_from_digest.popitem(last=False)
        return text_BSD


def encode_prompts(
    model: WanModel, prompts: list[str], ranks: RankContext | None, cache: TextCache
) -> list[torch.Tensor]:
    """One `text_BSD` per prompt (B is 1, S the card's `max_text_tokens`), the same on all ranks.

    Collective where there is more than one rank. The cache is that of this model.
    """
    num_tokens, width = model.card.max_text_tokens, model.geometry.text_width
    if model.ends is not None:
        texts = [cache.encoded(model, model.ends, prompt) for prompt in prompts]
    else:
        empty = torch.empty(1, num_tokens, width, dtype=model.dtype, device=model.device)
        texts = [empty.clone() for _ in prompts]
    if ranks is not None and ranks.world_size > 1:
        for text_BSD in texts:
            broadcast(text_BSD, ranks.world_group, source_rank=ranks.leader_rank)
    return texts


def _encode(model: WanModel, ends: WanEnds, prompt: str) -> torch.Tensor:
    """Wan attends to padding without a mask, so padding is zeros, not encoded pad tokens.

    Source: `WanPipeline._get_t5_prompt_embeds`, diffusers 0.42.1.
    """
    tokens = ends.tokenizer(
        [clean_prompt(prompt)],
        padding="max_length",
        max_length=model.card.max_text_tokens,
        truncation=True,
        add_special_tokens=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    device = next(ends.text_encoder.parameters()).device  # the host's, in some placements
    mask_BS = tokens.attention_mask.to(device)
    encoded = ends.text_encoder(tokens.input_ids.to(device), mask_BS)
    text_BSD: torch.Tensor = encoded.last_hidden_state.to(model.dtype)
    # `where`, not a product: a non-finite value in the padding would survive times zero.
    padded_BSD = torch.where(mask_BS.bool().unsqueeze(-1), text_BSD, 0.0)
    return padded_BSD.to(model.device).contiguous()
