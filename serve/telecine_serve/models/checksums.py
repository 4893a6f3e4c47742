"""SHA-256 of a model's weights, in the format of `sha256sum`, beside the model.

A folder without `SHA256SUMS` is loaded as it is: the Hugging Face Hub ships none. Invariant: where
there is one, no byte of weights is used that it does not vouch for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from telecine_platform.errors import ModelError

SUMS_FILE = "SHA256SUMS"


def write_checksums(folder: Path) -> None:
    """Write sums of every safetensors file below `folder`."""
    lines = [
        f"{digest_of(path)}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(folder.rglob("*.safetensors"))
    ]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def check_checksums(folder: Path, files: Iterable[Path]) -> None:
    """Raises ModelError for a file that is changed or not listed. Reads all of each file, through
    the page cache that the ranks of a node share.
    """
    sums = folder / SUMS_FILE
    if not sums.is_file():
        return
    digest_from_name = _read_sums(sums)
    for path in files:
        name = path.relative_to(folder).as_posix()
        expected = digest_from_name.get(name)
        if expected is None:
            raise ModelError(f"{sums} does not list {name}: do not use weights from elsewhere")
        actual = digest_of(path)
        if actual != expected:
            raise ModelError(
                f"{path} is damaged or changed: its SHA-256 is {actual}, {SUMS_FILE} says "
                f"{expected}; fetch it again"
            )


def _read_sums(path: Path) -> dict[str, str]:
    digest_from_name = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        digest, separator, name = line.partition("  ")
        if not separator or len(digest) != 64:
            raise ModelError(f"{path} line {number} is not `digest  name`: {line[:80]!r}")
        digest_from_name[name] = digest
    return digest_from_name


def digest_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
