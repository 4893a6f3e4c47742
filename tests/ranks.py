"""Run a function on several ranks: one process each, with a time limit for all."""

from __future__ import annotations

import multiprocessing
import pickle
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from telecine_serve.parallel.mesh import free_port

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        "deepspeed.module_inject.layers",
        "deepspeed.sequence.layer",
        "diffusers.models.autoencoders.autoencoder_kl_wan",
        "diffusers.models.transformers.transformer_ltx",
        "diffusers.models.transformers.transformer_wan",
        "telecine_serve.engine.start",
        "transformers.models.umt5.modeling_umt5",
    ]
)
"""A rank is a fork of a process that has imported what takes seconds, and has done nothing else."""


class RankFailed(AssertionError):
    """A rank raised or died; the message has its traceback."""


def run_ranks(
    function: Callable[..., Any],  # Any: whatever the tests pass and return
    world_size: int,
    *args: Any,
    timeout_s: float = 120.0,
) -> list[Any]:
    """Call `function(rank, world_size, port, *args)` on each rank; the results in rank order.

    `function` must be a module's top-level name. If one rank fails or the time is over, all are
    killed and RankFailed is raised.
    """
    port = free_port()
    processes: list[BaseProcess] = []
    rank_from_pipe: dict[Connection, int] = {}
    for rank in range(world_size):
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        process: BaseProcess = _CONTEXT.Process(
            target=_run_rank, args=(sender, function, rank, world_size, port, args), daemon=True
        )
        process.start()
        sender.close()  # so that a dead rank's pipe reads as ended
        processes.append(process)
        rank_from_pipe[receiver] = rank
    try:
        results = _collect(rank_from_pipe, time.monotonic() + timeout_s)
        for process in processes:
            process.join(timeout=10)
        return [results[rank] for rank in range(world_size)]
    finally:
        for process in processes:
            process.kill()
            process.join()
        for pipe in rank_from_pipe:
            pipe.close()


def _collect(rank_from_pipe: dict[Connection, int], deadline_s: float) -> dict[int, Any]:
    results: dict[int, Any] = {}
    pending = dict(rank_from_pipe)
    while pending:
        ready = wait(list(pending), timeout=max(0.0, deadline_s - time.monotonic()))
        if not ready:
            raise RankFailed(f"ranks {sorted(pending.values())} gave no result in time")
        for pipe in ready:
            assert isinstance(pipe, Connection)
            rank = pending.pop(pipe)
            try:
                is_ok, payload = pickle.loads(pipe.recv_bytes())
            except EOFError:
                raise RankFailed(f"rank {rank} died without a word") from None
            if not is_ok:
                raise RankFailed(f"rank {rank}:\n{payload}")
            results[rank] = payload
    return results


def _run_rank(
    sender: Connection,
    function: Callable[..., Any],
    rank: int,
    world_size: int,
    port: int,
    args: tuple[Any, ...],
) -> None:
    import torch

    torch.set_num_threads(1)
    try:
        reply = (True, function(rank, world_size, port, *args))
    except BaseException:
        reply = (False, traceback.format_exc())
    # Plain pickle: torch's own reductions would pass tensors through files that die with the rank.
    sender.send_bytes(pickle.dumps(reply))
