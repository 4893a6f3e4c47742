from __future__ import annotations

from pathlib import Path

import pytest
import torch

from telecine_platform.catalogue import card_from_name
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.start import start_engine
from telecine_serve.engine.step_cache import StepCache, relative_change
from telecine_serve.engine.step_control import StepControl
from tests.telecine_serve.engine.conditioned import SPEC
from tests.telecine_serve.models.variants import CARDS, write_variant
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")
_NUM_STEPS, _NUM_BLOCKS = 12, 5
_ANY_CHANGE = 1e9
"""A threshold that everything but a first pass is below."""


@pytest.fixture(scope="module")
def engine(embedded_folder: Path) -> Engine:
    return start_engine(embedded_folder, card_from_name("embedded"), _CPU)


def _denoise(engine: Engine, step_cache: float) -> tuple[torch.Tensor, int]:
    control = StepControl()
    spec = small_spec(num_steps=_NUM_STEPS, step_cache=step_cache)
    return engine.denoise(spec, control), control.progress().num_reused


def test_threshold_that_nothing_is_below_gives_the_exact_clip(engine: Engine) -> None:
    exact_BCTHW, num_reused = _denoise(engine, 0.0)
    assert num_reused == 0

    watched_BCTHW, num_reused = _denoise(engine, 1e-9)
    assert num_reused == 0
    assert torch.equal(watched_BCTHW, exact_BCTHW)


def test_larger_threshold_leaves_out_more_and_drifts_further(engine: Engine) -> None:
    exact_BCTHW, _ = _denoise(engine, 0.0)
    found = [_denoise(engine, threshold) for threshold in (0.15, _ANY_CHANGE)]

    drifts = [((latents - exact_BCTHW).norm() / exact_BCTHW.norm()).item() for latents, _ in found]
    assert 0 < drifts[0] < drifts[1]
    assert drifts[0] < 0.2
    assert 0 < found[0][1] < found[1][1] == 2 * (_NUM_STEPS - 1)


def test_blocks_that_are_left_out_are_not_computed_but_tell_of_life(engine: Engine) -> None:
    blocks = list(engine.model.experts[0].transformer.get_submodule("blocks").children())
    num_runs = [0] * _NUM_BLOCKS

    def count(place: int) -> None:
        num_runs[place] += 1

    hooks = [
        block.get_submodule("attn1").register_forward_hook(lambda *_, place=place: count(place))
        for place, block in enumerate(blocks)
    ]
    control = StepControl()
    engine.denoise(small_spec(num_steps=_NUM_STEPS, step_cache=_ANY_CHANGE), control)
    for hook in hooks:
        hook.remove()

    assert num_runs == [2 * _NUM_STEPS, 2, 2, 2, 2]
    assert control.num_beats > 2 * _NUM_STEPS * _NUM_BLOCKS


def test_failed_pass_leaves_the_transformer_as_it_was(engine: Engine) -> None:
    transformer = engine.model.experts[0].transformer

    with pytest.raises(KeyError), StepCache(0.5).one_pass(transformer, "blocks", 0):
        raise KeyError
    assert not any("forward" in vars(module) for module in transformer.modules())


def test_each_expert_begins_without_a_memory(embedded_folder: Path, tmp_path: Path) -> None:
    folder = write_variant(embedded_folder, tmp_path / "model", "two-experts")
    two_experts = start_engine(folder, CARDS["two-experts"], _CPU)
    control = StepControl()

    # One step of the first expert, two of the second: only the last one's two halves can reuse.
    two_experts.denoise(small_spec(step_cache=_ANY_CHANGE, width_px=SPEC.width_px), control)

    assert control.progress().num_reused == 2


def test_padding_counts_for_nothing() -> None:
    before_BSD = torch.tensor([[[1.0, -1.0], [2.0, 0.0], [9.0, 9.0]]])
    added_BSD = torch.tensor([[[1.5, -1.0], [2.0, -0.5], [0.0, 0.0]]])
    is_token_BS1 = torch.tensor([[[True], [True], [False]]])

    assert relative_change(added_BSD, before_BSD, is_token_BS1, None) == pytest.approx(1 / 4)


def test_no_change_from_nothing_is_no_reason_to_reuse() -> None:
    nothing_BSD = torch.zeros(1, 2, 2)

    assert relative_change(nothing_BSD, nothing_BSD, torch.ones(1, 2, 1), None) == float("inf")
