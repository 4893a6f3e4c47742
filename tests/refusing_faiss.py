"""Stands in for faiss in a platform under test: raises at each search while told to, else is faiss.

It is told by a file `refuse` beside it. The fingerprint reads no file and every frame has one, so
no clip and no damage makes it raise from outside.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_spec = PathFinder.find_spec("faiss", [each for each in sys.path if Path(each) != _HERE])
assert _spec is not None, "no faiss is installed"
assert _spec.loader is not None
faiss: Any = module_from_spec(_spec)  # Any: faiss has no types
sys.modules["faiss"] = faiss
_spec.loader.exec_module(faiss)
_search = faiss.IndexBinaryFlat.range_search


def _search_unless_told(index: Any, *arguments: Any) -> Any:  # Any: as above
    if (_HERE / "refuse").exists():
        raise RuntimeError("Error in range_search: told to refuse")
    return _search(index, *arguments)


faiss.IndexBinaryFlat.range_search = _search_unless_told
