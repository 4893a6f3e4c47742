"""The shape of a clip in memory. Dims: T frames, H rows, W columns, C red-green-blue."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from telecine_platform.errors import MediaError, ModelError, StorageUnavailable

Frames = NDArray[np.uint8]
"""`frames_THWC`: uint8, sRGB, C is 3."""
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO)


def check_frames(frames_THWC: Frames) -> None:
    """Raise `ModelError` unless this is at least one RGB frame of 8 bits per colour."""
    shape, dtype = frames_THWC.shape, frames_THWC.dtype
    if dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or 0 in shape:
        raise ModelError(
            f"a clip must be uint8 THWC with 3 colours and at least one frame, got {dtype} {shape}"
        )


@contextmanager
def translated_media_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn FFmpeg's and Pillow's errors into Telecine's: a failing disk is worth another attempt,
    content that cannot be coded is not."""
    try:
        yield
    except (FFmpegError, OSError, ValueError) as error:
        message = f"cannot {doing} {path.name}: {type(error).__name__}: {error}"
        if isinstance(error, OSError | FFmpegError) and error.errno in _DISK_ERRORS:
            raise StorageUnavailable(f"{message}; check the disk below {path.parent}") from error
        raise MediaError(f"{message}; the file or its content does not fit") from error
