"""Commands that are run during a load test, as `60 kubectl delete pod telecine-api-0`: what they do
to the jobs shows in the report. They run without a shell, beside the driver.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass


class HookError(Exception):
    """A hook cannot be read; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """What is run, and when."""

    at_s: float
    """Since the first arrival."""
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRun:
    """What came of a hook."""

    hook: Hook
    exit_code: int | None
    """None: there is no such program."""

    def __str__(self) -> str:
        ended = "no such program" if self.exit_code is None else f"exit code {self.exit_code}"
        return f"at {self.hook.at_s:g} s: {shlex.join(self.hook.command)} ({ended})"


def hook_from_text(text: str) -> Hook:
    """Read `SECONDS COMMAND…`. Raises `HookError`."""
    try:
        at_s, *command = shlex.split(text)
        hook = Hook(at_s=float(at_s), command=tuple(command))
    except ValueError as error:
        raise HookError(f"{text!r} is not SECONDS COMMAND…, as `60 kubectl get pods`") from error
    if not hook.command or not 0 <= hook.at_s < float("inf"):
        raise HookError(f"{text!r} needs a time of 0 or later and a command")
    return hook


@asynccontextmanager
async def at_their_times(hooks: Sequence[Hook], runs: list[HookRun]) -> AsyncIterator[None]:
    """Meanwhile, run each hook at its time and add what came of it to `runs`.

    At the end, hooks whose time has not come are left out and running ones are waited for.
    """
    over = asyncio.Event()

    async def run(hook: Hook) -> None:
        try:
            await asyncio.wait_for(over.wait(), hook.at_s)
        except TimeoutError:
            runs.append(HookRun(hook=hook, exit_code=await _exit_code(hook.command)))

    tasks = [asyncio.create_task(run(hook)) for hook in hooks]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*tasks)


async def _exit_code(command: Sequence[str]) -> int | None:
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    except (FileNotFoundError, PermissionError):
        return None
    return await process.wait()
