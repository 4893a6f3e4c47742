"""The start-up check that an all-reduce adds over its own group and over nothing else.

It exists because a wrong sum raises no error: the clip is merely noise (see `collectives`).
The reduce function is an argument, so that the check runs the very path that the layers use, and
so that a test can show that it catches the one that ignores groups.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist

from telecine_platform.errors import CollectiveError
from telecine_serve.parallel.collectives import AllReduce

_SIZES = (1, 1000, 1 << 20)
"""Elements: reduce kernels switch algorithm with size (DeepSpeed's at 1 MB), and 1000 is odd work
for a vector loop."""


def check_subgroup_all_reduce(
    groups: Sequence[dist.ProcessGroup],
    reduce: AllReduce,
    device: torch.device,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.bfloat16),
) -> None:
    """Check `reduce` on each group that this rank is in; all ranks must call it alike.

    Rank r contributes r+1, so each set of ranks up to 20 has sums that bfloat16 holds exactly.
    Raises CollectiveError with the value got and the value expected.
    """
    my_value = dist.get_rank() + 1
    for group in groups:
        members = dist.get_process_group_ranks(group)
        expected = sum(rank + 1 for rank in members)
        for dtype in dtypes:
            for size in _SIZES:
                tensor = torch.full((size,), my_value, dtype=dtype, device=device)
                reduce(tensor, group)
                _check_all_equal(tensor, expected, members)


def _check_all_equal(tensor: torch.Tensor, expected: int, members: list[int]) -> None:
    wrong = tensor[tensor != expected]
    if wrong.numel():
        raise CollectiveError(
            f"rank {dist.get_rank()}: an all-reduce of {tensor.numel()} {tensor.dtype} values over "
            f"ranks {members} gave {wrong[0].item()}, expected {expected} "
            f"({wrong.numel()} values wrong): the reduce path ignores its process group or is "
            "broken; do not serve with it"
        )
