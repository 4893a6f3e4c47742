"""From a prompt to token ids. Dims: B batch (1), S text tokens."""

from __future__ import annotations

import torch

from telecine_serve.models.family import Ends


def tokenize(ends: Ends, prompt: str, num_tokens: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`ids_BS` and `mask_BS` (1 for tokens, 0 for padding), padded or cut to `num_tokens`.

    On the text encoder's device, which in some placements is the host.
    """
    tokens = ends.tokenizer(
        [prompt],
        padding="max_length",
        max_length=num_tokens,
        truncation=True,
        add_special_tokens=True,
        return_attention_mask=True,
        return_tensors="pt",
    )
    device = next(ends.text_encoder.parameters()).device
    return tokens.input_ids.to(device), tokens.attention_mask.to(device)
