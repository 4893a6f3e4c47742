"""A rank's own memory holds its slices, not the model.

Anonymous memory (RssAnon) is measured, as the mapped files are page cache that all ranks share.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ranks import run_ranks
from tests.telecine_serve.models.large_folder import write_large_transformer

_CONSTANT_BYTES = 64 * 1024**2
"""Allocator, modules of the empty model and what the libraries keep; it does not grow with it."""


class _PeakAnon:
    """The largest RssAnon while the block ran, above that at its start."""

    def __init__(self) -> None:
        self._before_bytes = _anon_bytes()
        self.grown_bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> _PeakAnon:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._is_over.wait(0.01):
            self._look()

    def _look(self) -> None:
        self.grown_bytes = max(self.grown_bytes, _anon_bytes() - self._before_bytes)


def _anon_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def _load_and_measure(
    rank: int, world_size: int, port: int, folder: Path, is_streamed: bool
) -> tuple[int, int]:
    """Bytes of anonymous memory that loading took at its peak, and of this rank's parameters."""
    import diffusers
    import torch
    from deepspeed.module_inject.layers import LinearLayer

    from telecine_serve.models.transformer import load_transformer
    from telecine_serve.models.wan.family import WanFamily
    from telecine_serve.parallel.mesh import close_ranks, init_ranks
    from telecine_serve.parallel.weight_stream import WeightStream

    # Touched, so that their memory is not counted as the model's.
    assert diffusers.WanTransformer3DModel is not None
    assert LinearLayer is not None
    assert WeightStream is not None
    cpu = torch.device("cpu")
    tp_size = 1 if is_streamed else world_size
    sp_size = world_size // tp_size
    ranks = init_ranks(
        rank, world_size, "127.0.0.1", port, cpu, sp_size=sp_size, tp_size=tp_size, timeout_s=60
    )
    with _PeakAnon() as peak:
        transformer = load_transformer(
            folder, WanFamily(), torch.float32, cpu, ranks, is_streamed=is_streamed
        )
    own_bytes = sum(getattr(p, "ds_tensor", p).nbytes for p in transformer.parameters())
    close_ranks()
    return peak.grown_bytes, own_bytes


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """The folder of a transformer with more than 200 million parameters, and their bytes."""
    folder = tmp_path_factory.mktemp("large")
    yield folder, write_large_transformer(folder)
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is Linux's")
@pytest.mark.parametrize(
    ("num_ranks", "is_streamed", "share"), [(2, False, 0.6), (4, False, 0.4), (2, True, 0.6)]
)
def test_ranks_hold_little_more_than_their_part_of_a_large_model(
    large: tuple[Path, int], num_ranks: int, is_streamed: bool, share: float
) -> None:
    folder, whole_bytes = large
    assert whole_bytes > 800e6

    for grown_bytes, own_bytes in run_ranks(_load_and_measure, num_ranks, folder, is_streamed):
        way = "streamed on " if is_streamed else "tp"
        print(f"{way}{num_ranks}: {grown_bytes / 1e6:.0f} MB of {whole_bytes / 1e6:.0f} MB")
        assert own_bytes <= grown_bytes <= share * whole_bytes + _CONSTANT_BYTES
