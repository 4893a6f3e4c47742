"""One prompt through an installation, and a look at what it stored: the chart's `helm test`.

The clip that the API hands out must be the one object `clip.mp4` among the video's results, byte
for byte. Needs no torch: it runs in the API's image.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path

from telecine_platform.errors import NotFound, StorageUnavailable, TelecineError
from telecine_platform.settings import load_settings
from telecine_platform.storage.open import open_store
from telecine_platform.storage.store import RESULTS, BlobStore
from telecine_serve.cli.client import make_clip

_CLIP = "clip.mp4"


def smoke(server: str, api_key: str | None, prompt: str, blobs: BlobStore) -> str:
    """Make a clip, check its object, return a line for people.

    Raises `NotFound` when the storage does not hold what the API gave, and what `make_clip` raises.
    """
    with tempfile.TemporaryDirectory(prefix="telecine-smoke-") as folder:
        clip = make_clip(server, api_key, {"prompt": prompt}, Path(folder) / _CLIP, _say)
        with clip.path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    keys = blobs.keys(f"{RESULTS}/{clip.id}")
    stored = [key for key in keys if key.endswith(f"/{_CLIP}")]
    if len(stored) != 1:
        raise NotFound(f"{clip.id} has {len(stored)} stored clips instead of 1, among {keys}")
    if blobs.info(stored[0]).sha256 != sha256:
        raise StorageUnavailable(f"{stored[0]} is not the clip that the API handed out")
    return f"{clip.id}: {clip.size_bytes} bytes in {clip.took_s:.1f} s, stored as {stored[0]}"


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 a clip came and is stored, 1 not so."""
    parser = argparse.ArgumentParser(prog="telecine_serve.smoke")
    parser.add_argument("--server", required=True)
    parser.add_argument("--prompt", required=True)
    parser.add_argument("--api-key-file", type=Path, help="a file that holds the key")
    options = parser.parse_args(arguments)
    key = None if options.api_key_file is None else options.api_key_file.read_text().strip()
    try:
        settings = load_settings()
        blobs = open_store(settings.resolved_storage_url, settings.s3_endpoint_url)
        print(smoke(options.server, key, options.prompt, blobs))
    except TelecineError as error:
        print(f"telecine smoke: {error}", file=sys.stderr)
        return 1
    return 0


def _say(message: str, percent: int = 0) -> None:
    print(f"{message} {percent} %", flush=True)


if __name__ == "__main__":
    sys.exit(main())
