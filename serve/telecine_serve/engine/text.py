"""From prompts to what the transformer attends to.

The leader encodes and broadcasts, for two reasons: Wan's encoder (UMT5-XXL) takes 11 GB in
bfloat16, which the other ranks can then give to the video; and all ranks hold the same bits, also
on hosts whose kernels round differently. Dims: B batch, S text tokens, D encoder width.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import torch

from telecine_serve.models.family import Ends, Model, Text
from telecine_serve.parallel.collectives import broadcast
from telecine_serve.parallel.mesh import RankContext


class TextCache:
    """The leader's latest embeddings: of clip after clip, the negative prompt is often the same.

    A prompt is known by its digest only. An entry is 4 MB for UMT5-XXL in bfloat16.
    """

    def __init__(self, max_texts: int = 16) -> None:
        self._max_texts = max_texts
        self._text_from_digest: OrderedDict[bytes, Text] = OrderedDict()
        self.num_hits = 0

    def encoded(self, model: Model, ends: Ends, prompt: str) -> Text:
        """On the model's device."""
        cleaned = model.family.clean_prompt(prompt)
        digest = hashlib.sha256(cleaned.encode()).digest()
        text = self._text_from_digest.pop(digest, None)
        if text is None:
            text = _encode(model, ends, cleaned)
        else:
            self.num_hits += 1
        self._text_from_digest[digest] = text
        if len(self._text_from_digest) > self._max_texts:
            self._text_from_digest.popitem(last=False)
        return text


def encode_prompts(
    model: Model, prompts: list[str], ranks: RankContext | None, cache: TextCache
) -> list[Text]:
    """One text per prompt (B is 1, S the card's `max_text_tokens`), the same on all ranks.

    Collective where there is more than one rank. The cache is that of this model.
    """
    if model.ends is not None:
        texts = [cache.encoded(model, model.ends, prompt) for prompt in prompts]
    else:
        texts = [_empty(model) for _ in prompts]
    if ranks is not None and ranks.world_size > 1:
        for text in texts:
            for tensor in (text.hidden_BSD, text.mask_BS):
                broadcast(tensor, ranks.world_group, source_rank=ranks.leader_rank)
    return texts


def _encode(model: Model, ends: Ends, cleaned: str) -> Text:
    text = model.family.encode_text(ends, cleaned, model.card.max_text_tokens)
    return Text(
        hidden_BSD=text.hidden_BSD.to(model.device, model.dtype).contiguous(),
        mask_BS=text.mask_BS.to(model.device).contiguous(),
    )


def _empty(model: Model) -> Text:
    num_tokens, width = model.card.max_text_tokens, model.geometry.text_width
    return Text(
        hidden_BSD=torch.empty(1, num_tokens, width, dtype=model.dtype, device=model.device),
        mask_BS=torch.empty(1, num_tokens, dtype=torch.int64, device=model.device),
    )
