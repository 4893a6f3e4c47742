from __future__ import annotations

import pytest

from telecine_platform.errors import PlanError
from telecine_serve.parallel.axes import Axes, axes_from_world


def test_layers_are_shared_by_consecutive_ranks_and_halves_are_far_apart() -> None:
    axes = Axes(cfg_size=2, sp_size=2, tp_size=2)

    assert (axes.tp_members(5), axes.sp_members(5), axes.cfg_members(5)) == ([4, 5], [5, 7], [1, 5])


@pytest.mark.parametrize("sizes", [(1, 1, 4), (1, 3, 2), (2, 2, 2), (2, 4, 1), (1, 1, 1)])
def test_each_axis_puts_every_rank_in_exactly_one_group(sizes: tuple[int, int, int]) -> None:
    axes = Axes(cfg_size=sizes[0], sp_size=sizes[1], tp_size=sizes[2])
    everyone = list(range(axes.num_ranks))

    for members in (axes.tp_members, axes.sp_members, axes.cfg_members):
        groups = {tuple(members(rank)) for rank in everyone}
        assert sorted(rank for group in groups for rank in group) == everyone
        assert all(rank in members(rank) for rank in everyone)


def test_tensor_parallelism_takes_what_the_other_axes_leave() -> None:
    assert axes_from_world(8, cfg_size=2) == Axes(cfg_size=2, tp_size=4)


@pytest.mark.parametrize("sizes", [(1, 1, 2), (3, 1, 1), (2, 1, None), (0, 1, 3), (1, 4, None)])
def test_axes_that_do_not_use_every_rank_raise(sizes: tuple[int, int, int | None]) -> None:
    cfg_size, sp_size, tp_size = sizes

    with pytest.raises(PlanError):
        axes_from_world(3, cfg_size, sp_size, tp_size)
