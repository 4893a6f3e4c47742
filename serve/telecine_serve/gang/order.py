"""Which bundle becomes which rank, so that the ranks that talk most are in one node. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telecine_platform.errors import PlanError
from telecine_serve.parallel.axes import Axes

_Slots = dict[str, list[tuple[int, ...]]]
"""By node: the places that it has for a tp group, each as bundle indices."""


def rank_order(bundles_from_node: Mapping[str, Sequence[int]], axes: Axes) -> list[int]:
    """The bundle of each rank, in rank order; bundles that are not needed are left out.

    A tp group never leaves its node. The whole gang is put in one node if any has room, else each
    half (sp x tp) that fits, always where the least room stays over; the rest fills the emptiest
    nodes. Raises PlanError if the nodes have too few places for tp groups.
    """
    slots = {
        node: _slots_from_bundles(bundles, axes.tp_size)
        for node, bundles in sorted(bundles_from_node.items())
    }
    num_groups = axes.cfg_size * axes.sp_size
    num_slots = sum(map(len, slots.values()))
    if num_slots < num_groups:
        raise PlanError(
            f"{axes} needs {num_groups} places of {axes.tp_size} bundles in one node, the nodes "
            f"have {num_slots}: { ({node: len(b) for node, b in bundles_from_node.items()}) }"
        )
    groups = _take_from_one(slots, num_groups) or _take_halves(slots, axes)
    return [bundle for group in groups for bundle in group]


def _slots_from_bundles(bundles: Sequence[int], tp_size: int) -> list[tuple[int, ...]]:
    ordered = sorted(bundles)
    num_slots = len(ordered) // tp_size
    return [tuple(ordered[slot * tp_size : (slot + 1) * tp_size]) for slot in range(num_slots)]


def _take_halves(slots: _Slots, axes: Axes) -> list[tuple[int, ...]]:
    """Halves that fit into a node first, so that one that does not cannot break up their places."""
    halves = [_take_from_one(slots, axes.sp_size) for _ in range(axes.cfg_size)]
    return [group for half in halves for group in (half or _take_from_several(slots, axes.sp_size))]


def _take_from_one(slots: _Slots, num_groups: int) -> list[tuple[int, ...]]:
    """From the node with the least room that has enough; nothing if none has."""
    fitting = [node for node in slots if len(slots[node]) >= num_groups]
    if not fitting:
        return []
    return _take(slots, min(fitting, key=lambda node: len(slots[node])), num_groups)


def _take_from_several(slots: _Slots, num_groups: int) -> list[tuple[int, ...]]:
    taken: list[tuple[int, ...]] = []
    while len(taken) < num_groups:
        emptiest = max(slots, key=lambda node: len(slots[node]))
        taken += _take(slots, emptiest, num_groups - len(taken))
    return taken


def _take(slots: _Slots, node: str, num_groups: int) -> list[tuple[int, ...]]:
    taken, slots[node] = slots[node][:num_groups], slots[node][num_groups:]
    return taken
