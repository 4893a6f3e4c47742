"""What the engine's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine_serve.models.embedded import write_embedded_model


@pytest.fixture(scope="session")
def embedded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded model, written once; tests must not change it."""
    folder = tmp_path_factory.mktemp("models") / "embedded"
    write_embedded_model(folder)
    return folder
