"""A plug-in for tests: for each clip it does the next thing that a file says."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    """`fine`, `raise`, `kill` or `hang`, one word for each clip; then `fine` for ever."""
    for _ in sys.stdin:
        file = Path(sys.argv[1])
        word, _, rest = file.read_text().partition(" ")
        file.write_text(rest)
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "raise":
            raise RuntimeError("a bug in the plug-in")
        if word == "hang":
            time.sleep(600)
        print('{"sightings": []}', flush=True)


if __name__ == "__main__":
    main()
