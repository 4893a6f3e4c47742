"""A pod that is told to go finishes its jobs first.

When Kubernetes deletes a pod, Ray's processes end with the job in hand: nobody drains them as Serve
drains a replica that it takes down itself. So the pod's preStop hook runs this module. It leaves a
file that stops the pod's workers from claiming, and waits for a lock that each of them shares from
before its claim until its job is settled. The kernel frees the lock of a process that died.

Invariant: once the hook holds the lock, no worker of the pod has a job or will get one. A worker
takes the lock first and looks for the file then; the hook writes the file first.
"""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from telecine_platform.errors import SettingsError
from telecine_platform.settings import load_settings

_STOP = "stop"
_LOCK = "at-work.lock"
_POLL_S = 0.5


class PodDrain:
    """A worker's side. Without a folder nobody will ever ask it to stop."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def at_work(self) -> Iterator[bool]:
        """Hold the pod until the block ends; yields whether a new job may be claimed."""
        if self._folder is None:
            yield True
            return
        with (self._folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield not (self._folder / _STOP).exists()


def drain_pod(folder: Path, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Order the drain and wait for it; False when `timeout_s` is over first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STOP).touch()
    with (folder / _LOCK).open("w") as lock:
        return _wait(lambda: _locked(lock.fileno()), timeout_s, clock)


def wait_for_workers(timeout_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """The head's side: its end is the end of every node, so it goes last."""
    import ray

    ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
    own = ray.get_runtime_context().get_node_id()
    try:
        return _wait(
            lambda: all(node["NodeID"] == own or not node["Alive"] for node in ray.nodes()),
            timeout_s,
            clock,
        )
    finally:
        ray.shutdown()


def main(arguments: list[str] | None = None) -> int:
    """The preStop hook. Exit codes: 0 drained, 1 the time was over, 2 settings."""
    parser = argparse.ArgumentParser(prog="telecine_serve.pod_drain")
    parser.add_argument("--head", action="store_true", help="wait for the other nodes instead")
    parser.add_argument("--timeout-s", type=float, required=True)
    options = parser.parse_args(arguments)
    if options.head:
        return 0 if wait_for_workers(options.timeout_s) else 1
    try:
        folder = load_settings().drain_folder
        if folder is None:
            raise SettingsError("drain_folder is not set: workers of this pod cannot be told")
    except SettingsError as error:
        print(f"telecine drain: {error}", file=sys.stderr)
        return 2
    return 0 if drain_pod(folder, options.timeout_s) else 1


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(is_done: Callable[[], bool], timeout_s: float, clock: Callable[[], float]) -> bool:
    deadline = clock() + timeout_s
    while not is_done():
        if clock() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True


if __name__ == "__main__":
    sys.exit(main())
