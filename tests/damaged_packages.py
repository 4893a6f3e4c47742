"""A Python of its own for a platform under test: its checks' packages can be damaged and repaired.

It has all packages of the Python that runs the tests. Before them stand links to those that hold
models' weights, and a faiss that can be told to refuse. Nothing that is installed is touched.
"""

from __future__ import annotations

import shutil
import site
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

WEIGHTS = {
    "text": "rapidocr/models/PP-OCRv6_rec_small.onnx",
    "faces": "face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
}
"""By check: a file that it cannot do without."""
_FAISS = Path(__file__).with_name("refusing_faiss.py")


class DamagedPackages:
    """`python` runs with them."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, symlinks=True)
        self.python = str(folder / "bin" / "python")
        (self._packages,) = folder.glob("lib/python*/site-packages")
        for name in {file.partition("/")[0] for file in WEIGHTS.values()}:
            shutil.copytree(_installed(name), self._packages / name, copy_function=_link)
        (self._packages / "faiss.py").symlink_to(_FAISS)
        others = "; ".join(f"site.addsitedir({each!r})" for each in site.getsitepackages())
        (self._packages / "others.pth").write_text(f"import site; {others}\n")

    @contextmanager
    def damaged(self, check: str) -> Iterator[None]:
        """The check's weights hold something else; who has loaded them keeps what it has."""
        weights = self._packages / WEIGHTS[check]
        intact = weights.readlink()
        weights.unlink()
        weights.write_bytes(b"what a broken download leaves")
        try:
            yield
        finally:
            weights.unlink()
            weights.symlink_to(intact)

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Each search of faiss raises."""
        told = self._packages / "refuse"
        told.touch()
        try:
            yield
        finally:
            told.unlink()


def _installed(name: str) -> str:
    spec = find_spec(name)
    assert spec is not None, name
    assert spec.submodule_search_locations, name
    return spec.submodule_search_locations[0]


def _link(source: str, target: str) -> None:
    Path(target).symlink_to(source)
