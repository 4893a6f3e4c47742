from __future__ import annotations

import pytest
import torch
from torch import nn

from telecine_platform.errors import ModelError
from telecine_serve.models.expert_seat import ExpertSeat

_CPU = torch.device("cpu")
_INPUT = torch.ones(2, 5)


def _expert(
    seed: int, *, num_outputs: int = 3, dtype: torch.dtype = torch.bfloat16
) -> nn.Sequential:
    """Of two types of numbers, as a transformer is that keeps its norms in float32."""
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Linear(7, num_outputs))
    layers[2].to(dtype)
    return layers.requires_grad_(False)


def _run(expert: nn.Sequential) -> torch.Tensor:
    hidden = expert[1](expert[0](_INPUT))
    output: torch.Tensor = expert[2](hidden.to(next(expert[2].parameters()).dtype))
    return output


def test_expert_with_the_seat_computes_as_before_and_is_copied_once() -> None:
    experts = [_expert(1), _expert(2)]
    expected = [_run(expert) for expert in experts]
    seat = ExpertSeat(experts, _CPU)

    for place in (1, 1, 0, 1):
        seat.take(experts[place])
        assert torch.equal(_run(experts[place]), expected[place])
    assert seat.num_copies == 3
    assert not torch.equal(*expected)


def test_the_device_has_room_for_one() -> None:
    first, second = _expert(1), _expert(2)
    ExpertSeat([first, second], _CPU)

    storages = {p.untyped_storage().data_ptr() for e in (first, second) for p in e.parameters()}
    assert len(storages) == 1
    whole_bytes = sum(p.numel() * p.element_size() for p in first.parameters())
    padding_bytes = 256 * len(list(first.parameters()))
    assert next(first.parameters()).untyped_storage().nbytes() <= whole_bytes + padding_bytes


@pytest.mark.parametrize("other", [{"num_outputs": 4}, {"dtype": torch.float32}])
def test_experts_with_different_layers_are_refused(other: dict[str, object]) -> None:
    with pytest.raises(ModelError, match="differ in their layers"):
        ExpertSeat([_expert(1), _expert(2, **other)], _CPU)  # type: ignore[arg-type]


def test_copy_that_failed_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    experts = [_expert(1), _expert(2)]
    expected = _run(experts[0])
    seat = ExpertSeat(experts, _CPU)
    seat.take(experts[0])

    with monkeypatch.context() as patch:
        patch.setattr(seat, "_waiting", [torch.zeros(3), torch.zeros(3)])
        with pytest.raises(RuntimeError):
            seat.take(experts[1])
    seat.take(experts[0])
    assert torch.equal(_run(experts[0]), expected)
