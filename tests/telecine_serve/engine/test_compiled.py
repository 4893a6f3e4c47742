"""Compiled blocks make the clips of plain ones, and no request's wish is lost in them."""

from __future__ import annotations

import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from telecine_platform.catalogue import CATALOGUE, ImageUse, card_from_name
from telecine_platform.errors import SettingsError
from telecine_serve.engine import start
from telecine_serve.engine.adapters import Adapters
from telecine_serve.engine.compiled import CompiledBlocks
from telecine_serve.engine.pipeline import Engine
from telecine_serve.engine.step_control import StepControl
from telecine_serve.engine.warm_up import kinds_of_clips, warm_up
from telecine_serve.models.load import load_model
from telecine_serve.parallel.axes import Axes
from telecine_serve.parallel.mesh import RankContext, arrange_ranks, init_ranks
from tests.ranks import run_ranks
from tests.telecine_serve.models.adapter_folder import write_adapter
from tests.telecine_serve.specs import small_spec

_CPU = torch.device("cpu")
_CARD = card_from_name("embedded")
_TOLERANCE, _GUIDED = 1e-5, 1e-4
"""Float32 without guidance, and with it, which amplifies rounding."""
_PLAIN, _CACHED = small_spec(guidance_scale=1.0), small_spec(num_steps=12, step_cache=0.2)
_ADAPTED = small_spec(adapter="film")
_SPECS = {
    "plain": _PLAIN,
    "longer": small_spec(num_frames=17, guidance_scale=1.0),
    "guided": small_spec(),
    "cached": _CACHED,
    "adapted": _ADAPTED,
    "plain after an adapter": _PLAIN,
}
_AXES = (Axes(tp_size=2), Axes(sp_size=2))
"""The ranks of a cfg axis do not talk within blocks."""
_COMPILE_S = 300.0
"""For a busy core that compiles for the first time."""
_HAS_COMPILER = (
    shutil.which("g++") is not None and (Path(sysconfig.get_path("include")) / "Python.h").is_file()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clip:
    """The same request on plain and on compiled blocks."""

    plain_BCTHW: torch.Tensor
    compiled_BCTHW: torch.Tensor
    num_reused: tuple[int, int]

    @property
    def difference(self) -> float:
        return float((self.plain_BCTHW - self.compiled_BCTHW).abs().max())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engines:
    """Two of one model."""

    plain: Engine
    compiled: Engine
    ranks: RankContext | None

    def clip(self, name: str) -> _Clip:
        controls = StepControl(self.ranks), StepControl(self.ranks)
        return _Clip(
            compiled_BCTHW=self.compiled.denoise(_SPECS[name], controls[1]),
            plain_BCTHW=self.plain.denoise(_SPECS[name], controls[0]),
            num_reused=(controls[0].progress().num_reused, controls[1].progress().num_reused),
        )


def _open(folder: Path, adapters: Path, ranks: RankContext | None, backend: str) -> _Engines:
    model = load_model(folder, _CARD, torch.float32, _CPU, ranks)
    allowed = Adapters(adapters, frozenset({"film"}), 1)
    return _Engines(
        plain=Engine(model, ranks, allowed),
        compiled=Engine(model, ranks, allowed, CompiledBlocks(model.blocks, backend)),
        ranks=ranks,
    )


def _num_compiled() -> int:
    """Blocks, in this process."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])


def _with_inductor(
    _rank: int, _world_size: int, _port: int, folder: Path, adapters: Path
) -> dict[str, _Clip]:
    engines = _open(folder, adapters, None, "inductor")
    clips = {name: engines.clip(name) for name in _SPECS}
    blocks = engines.compiled.model.blocks
    assert all("forward" not in block.__dict__ for block in blocks)  # they are left as they were
    return clips


def _on_two_ranks(
    rank: int, world_size: int, port: int, folder: Path, adapters: Path
) -> dict[str, tuple[_Clip, int]]:
    """By axes, and what was compiled when they were warm. Traced as ever, but run by torch's own
    operators.
    """
    init_ranks(rank, world_size, "127.0.0.1", port, _CPU, timeout_s=60)
    found = {}
    for axes in _AXES:
        ranks = arrange_ranks(axes, _CPU, timeout_s=60)
        engines = _open(folder, adapters, ranks, "eager")
        warm_up(engines.compiled, ranks)
        num_warm = _num_compiled()
        found[str(axes)] = engines.clip("cached"), _num_compiled() - num_warm
    return found


@pytest.fixture(scope="module")
def adapters(embedded_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(embedded_folder, tmp_path_factory.mktemp("adapters"))


@pytest.fixture(scope="module")
def compiled(embedded_folder: Path, adapters: Path) -> dict[str, _Clip]:
    """In a process of its own: what torch imports to compile warns, and warnings are errors."""
    clips: dict[str, _Clip]
    (clips,) = run_ranks(_with_inductor, 1, embedded_folder, adapters, timeout_s=_COMPILE_S)
    return clips


@pytest.mark.slow
@pytest.mark.skipif(not _HAS_COMPILER, reason="torch.compile needs g++ and Python.h on a CPU")
def test_compiled_blocks_make_the_clips_of_plain_ones(compiled: dict[str, _Clip]) -> None:
    differences = {name: clip.difference for name, clip in compiled.items()}
    for name in ("plain", "longer", "plain after an adapter"):
        assert 0 < differences[name] <= _TOLERANCE  # 0: they were not compiled
    assert 0 < differences["guided"] <= _GUIDED
    assert compiled["cached"].num_reused[0] == compiled["cached"].num_reused[1] > 0
    assert differences["cached"] <= _GUIDED


@pytest.mark.slow
@pytest.mark.skipif(not _HAS_COMPILER, reason="torch.compile needs g++ and Python.h on a CPU")
def test_adapter_is_not_lost_in_compiled_blocks(compiled: dict[str, _Clip]) -> None:
    adapted, plain = compiled["adapted"], compiled["guided"]

    assert torch.equal(adapted.compiled_BCTHW, adapted.plain_BCTHW)
    assert (adapted.plain_BCTHW - plain.plain_BCTHW).abs().max() > 1e-2


@pytest.mark.slow
def test_blocks_that_talk_to_other_ranks_are_traced_rightly_and_once(
    embedded_folder: Path, adapters: Path
) -> None:
    for report in run_ranks(_on_two_ranks, 2, embedded_folder, adapters, timeout_s=_COMPILE_S):
        for axes in _AXES:
            clip, num_compiled = report[str(axes)]
            assert num_compiled == 0  # the engine was warm
            assert clip.difference <= _GUIDED
            assert clip.num_reused[0] == clip.num_reused[1] > 0


@pytest.mark.parametrize("is_wanted", [True, False])
def test_engine_is_warm_when_it_has_started(
    embedded_folder: Path, monkeypatch: pytest.MonkeyPatch, is_wanted: bool
) -> None:
    warmed: list[Engine] = []
    monkeypatch.setattr(start, "warm_up", lambda engine, _ranks: warmed.append(engine))
    monkeypatch.setattr(start, "CompiledBlocks", lambda blocks: CompiledBlocks(blocks, "eager"))

    engine = start.start_engine(embedded_folder, _CARD, _CPU, compile_blocks=is_wanted)

    assert warmed == ([engine] if is_wanted else [])


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_kinds_of_clips_are_those_that_a_model_takes(name: str) -> None:
    card = CATALOGUE[name]

    kinds = [images.first_HWC is not None for _, images in kinds_of_clips(card)]

    expected = {
        ImageUse.NEVER: [False],
        ImageUse.OPTIONAL: [False, True],
        ImageUse.REQUIRED: [True],
    }
    assert kinds == expected[card.first_frame]


def test_machine_that_cannot_compile_is_told_so_before_it_is_ready(embedded_folder: Path) -> None:
    model = load_model(embedded_folder, _CARD, torch.float32, _CPU)

    def broken(*_: object) -> object:
        raise RuntimeError("no g++ here")

    engine = Engine(model, compiled=CompiledBlocks(model.blocks, broken))
    with pytest.raises(SettingsError, match=r"(?s)needs a C\+\+ compiler on CPUs.*no g\+\+ here"):
        warm_up(engine, None)
