"""The screen that the settings ask for, or an error: never a weaker one in silence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from telecine_platform.errors import ModelError, SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.errors import CheckFailed
from telecine_serve.screening import minilm, multilingual
from telecine_serve.screening.build import build_screen


def test_missing_model_is_an_error_unless_names_are_asked_for_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise CheckFailed("not installed")

    monkeypatch.setattr(minilm, "MiniLM", missing)
    with pytest.raises(ModelError, match="screening_model minilm: not installed"):
        build_screen(Settings(data_dir=tmp_path))
    build_screen(Settings(data_dir=tmp_path, screening_model="none"))


def test_broken_policy_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: x\nrules: [{name: a, action: shrug}]\n")
    settings = Settings(
        data_dir=tmp_path, screening_model="none", policy_file=tmp_path / "policy.yaml"
    )
    with pytest.raises(SettingsError, match="policy_file"):
        build_screen(settings)


def test_changed_or_missing_multilingual_model_is_no_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in multilingual.PACKAGE.sha256:
        (tmp_path / name).write_bytes(b"other weights")
    elsewhere = replace(multilingual.PACKAGE, files_in=str(tmp_path))
    monkeypatch.setattr(multilingual, "PACKAGE", elsewhere)
    with pytest.raises(CheckFailed, match=r"SHA-256 .* reinstall"):
        multilingual.Multilingual()
    (tmp_path / "weights.npz").unlink()
    with pytest.raises(CheckFailed, match="cannot be read"):
        multilingual.Multilingual()
