"""A plug-in for tests: for each clip it does the next thing that a file says."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

BOX = [16, 16, 40, 40]


def main() -> None:
    """`fine`, `raise`, `kill`, `hang` or `see`, one word for each clip; then `fine` for ever."""
    for line in sys.stdin:
        file = Path(sys.argv[1])
        word, _, rest = file.read_text().partition(" ")
        file.write_text(rest)
        if word == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "raise":
            raise RuntimeError("a bug in the plug-in")
        if word == "hang":
            time.sleep(600)
        frames = json.loads(line)["frame_numbers"] if word == "see" else []
        seen = [{"frame": each, "score": 0.9, "label": "logo", "box": BOX} for each in frames]
        print(json.dumps({"sightings": seen}), flush=True)


if __name__ == "__main__":
    main()
