"""Host memory that a GPU copies from at the bus's full speed."""

from __future__ import annotations

import torch


def lock_pages(block: torch.Tensor) -> None:
    """Lock the pages of a tensor on the host, which must have them for itself. Not `pin_memory`,
    whose allocator rounds a block up to a power of two: 28 GB would take 34.
    """
    code = torch.cuda.cudart().cudaHostRegister(block.data_ptr(), block.nbytes, 0)  # type: ignore[no-untyped-call,attr-defined,unused-ignore]
    torch.cuda.check_error(int(code))
