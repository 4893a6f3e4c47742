"""dwtDctSvd, the method of the package invisible-watermark, written anew from its description.

For comparison only. U channel, one Haar level, blocks of 4 x 4 of the low band, the largest
singular value quantised at 36 (the package's defaults). A block's DCT is left out: it is
orthonormal, so the singular values are the same without it. The package writes a bit into each
block in turn and votes; here it writes our 127 bits of code, so that both methods carry the same id
with the same correction, and votes over all frames too. It has no means against cuts and turns; for
a resize it is told the true size, which is more than it would know.

Legend: T frames, H height_px, W width_px, C colours, N blocks.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from loadtests.mark_attacks import Frames
from telecine_safeguards.provenance.bch import CODE_BITS
from telecine_safeguards.provenance.payload import code_from_id, payload_from_bits

_SCALE = 36.0
_BLOCK_PX = 4
_U = 1
Floats = npt.NDArray[np.float32]


def embed(frames_THWC: Frames, mark_id: int, key: bytes) -> Frames:
    """A marked copy."""
    code = code_from_id(mark_id, key)
    bits = np.array([code >> place & 1 for place in range(CODE_BITS)])
    return np.stack([_embed_frame(each, bits) for each in frames_THWC])


def find(frames_THWC: Frames, height_px: int, width_px: int, key: bytes) -> int | None:
    """The id, if it can be read after resizing to the true size."""
    votes, counts = np.zeros(CODE_BITS), np.zeros(CODE_BITS)
    for frame_HWC in frames_THWC:
        whole_HWC = cv2.resize(frame_HWC, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
        low_HW, _ = _haar(_u_channel(whole_HWC))
        blocks, _ = _blocks(low_HW)
        largest_N = np.linalg.svd(blocks, compute_uv=False)[:, 0]
        places = np.arange(len(largest_N)) % CODE_BITS
        np.add.at(votes, places, (largest_N % _SCALE > _SCALE / 2).astype(float))
        np.add.at(counts, places, 1)
    payload = payload_from_bits(votes / np.maximum(counts, 1) - 0.5, key)
    return None if payload is None else payload.mark_id


def _embed_frame(frame_HWC: Frames, bits: npt.NDArray[np.int64]) -> Frames:
    yuv_HWC = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2YUV).astype(np.float32)
    rows, columns = (side // 4 * 4 for side in frame_HWC.shape[:2])
    low_HW, rest = _haar(yuv_HWC[:rows, :columns, _U])
    blocks, used = _blocks(low_HW)
    left, values, right = np.linalg.svd(blocks)
    wanted = bits[np.arange(len(blocks)) % CODE_BITS]
    values[:, 0] = (values[:, 0] // _SCALE + 0.25 + 0.5 * wanted) * _SCALE
    written = (left * values[:, np.newaxis]) @ right
    down, along = used
    low_HW = low_HW.copy()
    low_HW[: down * _BLOCK_PX, : along * _BLOCK_PX] = (
        written.reshape(down, along, _BLOCK_PX, _BLOCK_PX)
        .transpose(0, 2, 1, 3)
        .reshape(down * _BLOCK_PX, along * _BLOCK_PX)
    )
    yuv_HWC[:rows, :columns, _U] = _inverse_haar(low_HW, rest)
    clipped = np.clip(np.rint(yuv_HWC), 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(clipped, cv2.COLOR_YUV2RGB), np.uint8)


def _u_channel(frame_HWC: Frames) -> Floats:
    rows, columns = (side // 4 * 4 for side in frame_HWC.shape[:2])
    yuv_HWC = cv2.cvtColor(np.ascontiguousarray(frame_HWC), cv2.COLOR_RGB2YUV)
    plane_HW: Floats = yuv_HWC[:rows, :columns, _U].astype(np.float32)
    return plane_HW


def _haar(plane_HW: Floats) -> tuple[Floats, tuple[Floats, Floats, Floats]]:
    a, b = plane_HW[::2, ::2], plane_HW[::2, 1::2]
    c, d = plane_HW[1::2, ::2], plane_HW[1::2, 1::2]
    half = np.float32(0.5)
    rest = ((a - b + c - d) * half, (a + b - c - d) * half, (a - b - c + d) * half)
    return (a + b + c + d) * half, rest


def _inverse_haar(low_HW: Floats, rest: tuple[Floats, Floats, Floats]) -> Floats:
    one, two, three = rest
    plane_HW = np.empty((low_HW.shape[0] * 2, low_HW.shape[1] * 2), np.float32)
    plane_HW[::2, ::2] = (low_HW + one + two + three) / 2
    plane_HW[::2, 1::2] = (low_HW - one + two - three) / 2
    plane_HW[1::2, ::2] = (low_HW + one - two - three) / 2
    plane_HW[1::2, 1::2] = (low_HW - one - two + three) / 2
    return plane_HW


def _blocks(low_HW: Floats) -> tuple[Floats, tuple[int, int]]:
    down, along = low_HW.shape[0] // _BLOCK_PX, low_HW.shape[1] // _BLOCK_PX
    used = low_HW[: down * _BLOCK_PX, : along * _BLOCK_PX]
    blocks = used.reshape(down, _BLOCK_PX, along, _BLOCK_PX).transpose(0, 2, 1, 3)
    return blocks.reshape(-1, _BLOCK_PX, _BLOCK_PX), (down, along)
