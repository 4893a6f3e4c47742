"""The model that needs no download: a tiny member of the Wan family, trained on our own clips.

It exists so that the whole chain runs on a laptop without network or account, and shows what the
prompt says. It is an ordinary diffusers folder inside this package (`telecine_serve/embedded`
trains it). Invariant: the folder that is used holds exactly the weights of this release.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from telecine_platform.errors import ModelError
from telecine_platform.settings import Settings
from telecine_serve.models.checksums import SUMS_FILE

SHIPPED = Path(__file__).parent.parent / "embedded" / "weights"
PUBLIC_KEY_FILE = "development-key.pem"
"""Of the key that signed the training-data manifest: it shows what was changed, not who signed."""


def write_embedded_model(folder: Path, *, replaces_older: bool = False) -> None:
    """Copy the model to `folder` in diffusers' format, in one atomic step; about 10 MB.

    A folder with this release's weights is left as it is, so that several processes may call this
    at once. Anything else in its place is only replaced if `replaces_older`, else ModelError.
    """
    if _is_current(folder):
        return
    if folder.exists() and not replaces_older:
        raise ModelError(f"{folder} is there and is not this release's model: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shutil.copytree(SHIPPED, aside / "new")
        if folder.exists():
            _rename(folder, aside / "old", folder)
        _rename(aside / "new", folder, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def is_written_on_first_use(settings: Settings) -> bool:
    """Whether the worker's model is this one, in the place where we write it ourselves."""
    own_folder = settings.data_dir / "models" / "embedded"
    return settings.model == "embedded" and settings.resolved_model_folder == own_folder


def _is_current(folder: Path) -> bool:
    sums = folder / SUMS_FILE
    return sums.is_file() and sums.read_bytes() == (SHIPPED / SUMS_FILE).read_bytes()


def _rename(source: Path, target: Path, folder: Path) -> None:
    """Another process may have been quicker; what counts is that the folder is right then."""
    try:
        os.rename(source, target)
    except OSError:
        if not _is_current(folder):
            raise
