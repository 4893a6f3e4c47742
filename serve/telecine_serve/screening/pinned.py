"""A model's files inside an installed package, each held to its SHA-256.

The packages that carry the embedders' weights are one person's work; what they carried when they
were looked at is what is used, and nothing else.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from telecine_safeguards.errors import CheckFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedPackage:
    """Where the files are, and what they have to be."""

    module: str
    requirement: str
    """What pip is asked for, as `name==version`."""
    files_in: str
    """Folder of the files inside the package."""
    sha256: Mapping[str, str]
    """In hex, by file name."""

    def folder(self) -> Path:
        """Raises CheckFailed when the package is not installed."""
        spec = importlib.util.find_spec(self.module)
        if spec is None or spec.origin is None:
            raise CheckFailed(
                f"the embedding model is not installed: pip install {self.requirement}, or set"
                " screening_model to none, which screens by spelling only"
            )
        return Path(spec.origin).parent / self.files_in

    def read(self, folder: Path, name: str) -> bytes:
        """The file's content; raises CheckFailed for a missing or another one."""
        path = folder / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise CheckFailed(f"embedding model file {path} cannot be read: {error}") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != self.sha256[name]:
            raise CheckFailed(
                f"embedding model file {path} has SHA-256 {digest}, not {self.sha256[name]}:"
                f" reinstall {self.requirement}"
            )
        return content
