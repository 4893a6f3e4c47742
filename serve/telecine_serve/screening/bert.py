"""BERT's encoder for short texts on one CPU core: packed tokens and int8 matrix products.

The screening has 50 ms; transformers' float32 model needs 58 ms for six sentences on one core of
the test machine. Here the texts lie behind each other without padding, and each linear layer is an
int8 product with one scale for each output channel and one for each token (LLM.int8, arXiv
2208.07339, section 2, "vector-wise quantization"), so that a text's result does not depend on its
neighbours. Formulas: BERT, arXiv 1810.04805; names of the tensors: transformers' BertModel.
"""

# Legend: N tokens of all texts, B texts, S tokens of a text, D width, H heads, K width of a head,
# C channels out

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

LAYER_NORM_EPSILON: Final = 1e-12
"""`layer_norm_eps` of the model's config.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Linear:
    weight_DC: Tensor
    """int8."""
    scale_C: Tensor
    bias_C: Tensor

    def __call__(self, states_ND: Tensor) -> Tensor:
        scale_N1 = states_ND.abs().amax(1, keepdim=True).clamp_min(1e-8) / 127
        whole_ND = (states_ND / scale_N1).round_().to(torch.int8)
        product_NC = torch._int_mm(whole_ND, self.weight_DC).to(torch.float32)
        return torch.addcmul(self.bias_C, product_NC.mul_(scale_N1), self.scale_C)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Norm:
    weight_D: Tensor
    bias_D: Tensor

    def __call__(self, states_ND: Tensor) -> Tensor:
        return functional.layer_norm(
            states_ND, self.weight_D.shape, self.weight_D, self.bias_D, LAYER_NORM_EPSILON
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    query_key_value: _Linear
    attention_out: _Linear
    attention_norm: _Norm
    up: _Linear
    down: _Linear
    norm: _Norm


class Bert:
    """An encoder from a state dict."""

    def __init__(self, tensors: Mapping[str, Tensor], *, num_heads: int) -> None:
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._num_heads, self._head_dim = num_heads, self._words.shape[1] // num_heads
        self._places = (
            tensors["embeddings.position_embeddings.weight"]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        num_layers = 1 + max(
            int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer.")
        )
        self._layers = [_layer(tensors, f"encoder.layer.{i}") for i in range(num_layers)]

    @torch.inference_mode()
    def mean_states(self, tokens: Sequence[Sequence[int]]) -> Tensor:
        """Give the mean of the last states over each text's tokens, `(B, D)`. None is empty."""
        lengths = [len(text) for text in tokens]
        ids_N = torch.tensor([token for text in tokens for token in text])
        places_N = torch.cat([torch.arange(length) for length in lengths])
        states_ND = self._norm(self._words[ids_N] + self._places[places_N])
        for layer in self._layers:
            mixed_ND = layer.attention_out(self._attend(layer.query_key_value(states_ND), lengths))
            states_ND = layer.attention_norm(states_ND + mixed_ND)
            thought_ND = layer.down(functional.gelu(layer.up(states_ND)))
            states_ND = layer.norm(states_ND + thought_ND)
        return torch.stack([text_SD.mean(0) for text_SD in torch.split(states_ND, list(lengths))])

    def _attend(self, joined_NC: Tensor, lengths: Sequence[int]) -> Tensor:
        """Attend within each text; neighbours of the same length go together."""
        mixed, first = [], 0
        for length, same in groupby(lengths):
            last = first + length * sum(1 for _ in same)
            texts_BS3HK = joined_NC[first:last].view(-1, length, 3, self._num_heads, self._head_dim)
            query, key, value = texts_BS3HK.permute(2, 0, 3, 1, 4)
            mixed_BHSK = functional.scaled_dot_product_attention(query, key, value)
            mixed.append(mixed_BHSK.transpose(1, 2).reshape(last - first, -1))
            first = last
        return torch.cat(mixed)


def _layer(tensors: Mapping[str, Tensor], name: str) -> _Layer:
    return _Layer(
        query_key_value=_linear(
            tensors, *(f"{name}.attention.self.{part}" for part in ("query", "key", "value"))
        ),
        attention_out=_linear(tensors, f"{name}.attention.output.dense"),
        attention_norm=_norm(tensors, f"{name}.attention.output.LayerNorm"),
        up=_linear(tensors, f"{name}.intermediate.dense"),
        down=_linear(tensors, f"{name}.output.dense"),
        norm=_norm(tensors, f"{name}.output.LayerNorm"),
    )


def _linear(tensors: Mapping[str, Tensor], *names: str) -> _Linear:
    weight_CD = torch.cat([tensors[f"{name}.weight"] for name in names])
    scale_C1 = weight_CD.abs().amax(1, keepdim=True) / 127
    return _Linear(
        weight_DC=(weight_CD / scale_C1).round().to(torch.int8).t().contiguous(),
        scale_C=scale_C1.squeeze(1),
        bias_C=torch.cat([tensors[f"{name}.bias"] for name in names]),
    )


def _norm(tensors: Mapping[str, Tensor], name: str) -> _Norm:
    return _Norm(weight_D=tensors[f"{name}.weight"], bias_D=tensors[f"{name}.bias"])
