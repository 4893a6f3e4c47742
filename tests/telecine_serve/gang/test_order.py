from __future__ import annotations

import random

import pytest

from telecine_platform.errors import PlanError
from telecine_serve.gang.order import rank_order
from telecine_serve.parallel.axes import Axes


def _nodes(*sizes: int, seed: int | None = None) -> dict[str, list[int]]:
    """Nodes with that many bundles; with a seed, the bundles are dealt out in a random order."""
    bundles = list(range(1, sum(sizes) + 1))
    if seed is not None:
        random.Random(seed).shuffle(bundles)
    return {f"node-{index}": [bundles.pop(0) for _ in range(n)] for index, n in enumerate(sizes)}


def _node_of_each_rank(nodes: dict[str, list[int]], axes: Axes) -> list[str]:
    node_from_bundle = {bundle: node for node, bundles in nodes.items() for bundle in bundles}
    return [node_from_bundle[bundle] for bundle in rank_order(nodes, axes)]


def test_bundles_of_one_node_keep_their_order() -> None:
    assert rank_order({"a": [3, 1, 2, 4]}, Axes(sp_size=2, tp_size=2)) == [1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(40))
def test_each_tp_group_lies_within_a_node_for_any_map_up_to_64_nodes(seed: int) -> None:
    chance = random.Random(seed)
    tp_size = chance.choice([1, 2, 4, 8])
    sizes = [chance.randint(1, 8) for _ in range(chance.randint(1, 63))] + [8]
    num_slots = sum(size // tp_size for size in sizes)
    cfg_size = chance.choice([1, 2]) if num_slots > 1 else 1
    axes = Axes(
        cfg_size=cfg_size, sp_size=chance.randint(1, num_slots // cfg_size), tp_size=tp_size
    )
    nodes = _nodes(*sizes, seed=seed)

    order = rank_order(nodes, axes)
    node_of = _node_of_each_rank(nodes, axes)

    assert len(set(order)) == len(order) == axes.num_ranks
    for rank in range(axes.num_ranks):
        assert len({node_of[member] for member in axes.tp_members(rank)}) == 1


def test_gang_goes_to_the_tightest_node_that_has_room_for_all_of_it() -> None:
    nodes = _nodes(8, 2, 4)

    assert set(_node_of_each_rank(nodes, Axes(cfg_size=2, tp_size=2))) == {"node-2"}


def test_halves_stay_whole_when_the_gang_does_not_fit_one_node() -> None:
    nodes = _nodes(4, 2, 8, 2, 4)

    node_of = _node_of_each_rank(nodes, Axes(cfg_size=2, sp_size=8))
    assert set(node_of[:8]) == {"node-2"}
    assert len(set(node_of[8:])) == 2

    assert _node_of_each_rank(_nodes(1, 4, 4), Axes(cfg_size=2, sp_size=4)) == (
        ["node-1"] * 4 + ["node-2"] * 4
    )


def test_same_map_gives_the_same_order_however_it_is_listed() -> None:
    nodes = _nodes(4, 4, 8, 3)
    axes = Axes(cfg_size=2, sp_size=2, tp_size=4)

    assert rank_order(nodes, axes) == rank_order(dict(reversed(nodes.items())), axes)


@pytest.mark.parametrize(
    ("sizes", "axes"), [((3, 3), Axes(sp_size=3, tp_size=2)), ((1,), Axes(tp_size=2)), ((), Axes())]
)
def test_nodes_without_room_for_every_tp_group_raise(sizes: tuple[int, ...], axes: Axes) -> None:
    with pytest.raises(PlanError, match="places of"):
        rank_order(_nodes(*sizes), axes)
