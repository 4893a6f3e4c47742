"""`telecine verify` and `telecine certificates`, and what settings they lead to."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from telecine_platform.clips.keys import clip_signer, mark_keys
from telecine_platform.errors import InvalidRequest, SettingsError
from telecine_platform.settings import Settings
from telecine_safeguards.provenance.manifest import Generation, sign_clip
from telecine_serve.cli.main import cli
from tests.telecine_safeguards.provenance.files import mp4

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELECINE_DATA_DIR", str(tmp_path / "data"))


def signed_clip(folder: Path) -> Path:
    settings = Settings(data_dir=folder / "data")
    generation = Generation(
        job_id="video_1", model="embedded", telecine_version="1", registry_version="1",
        grants=(), mark_id=1, made_at=NOW,
    )  # fmt: skip
    sign_clip(mp4(folder / "a.mp4"), folder / "b.mp4", generation, clip_signer(settings, NOW))
    return folder / "b.mp4"


def test_verify_tells_a_sound_manifest_from_none_and_from_a_broken_one(tmp_path: Path) -> None:
    clip = signed_clip(tmp_path)
    sound = CliRunner().invoke(cli, ["verify", str(clip), "--json"])
    assert sound.exit_code == 0, sound.output
    assert json.loads(sound.output)["manifest"]["is_trusted"]
    none = CliRunner().invoke(cli, ["verify", str(tmp_path / "a.mp4")])
    assert (none.exit_code, "no C2PA manifest" in none.output) == (1, True)
    clip.write_bytes(clip.read_bytes()[:-1] + b"?")
    broken = CliRunner().invoke(cli, ["verify", str(clip)])
    assert (broken.exit_code, "DOES NOT HOLD" in broken.output) == (1, True)


def test_certificates_are_made_once_and_work(tmp_path: Path) -> None:
    folder = str(tmp_path / "secrets")
    made = CliRunner().invoke(cli, ["certificates", folder, "--json"])
    values = json.loads(made.output)
    settings = Settings.model_validate(values | {"database_url": "postgresql://db/x"})
    now = datetime.now(UTC)  # the certificates are younger than this module
    clip_signer(settings, now).check_in_force(now)
    assert len(mark_keys(settings)[0]) == 64
    assert Path(values["signing_key_file"]).stat().st_mode & 0o077 == 0
    again = CliRunner().invoke(cli, ["certificates", folder])
    assert isinstance(again.exception, InvalidRequest)


def test_machines_that_share_a_database_must_share_keys(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://db/x")
    with pytest.raises(SettingsError, match="the same on every machine"):
        mark_keys(settings)
    with pytest.raises(SettingsError, match="the same on every machine"):
        clip_signer(settings, NOW)


@pytest.mark.parametrize(
    "values",
    [
        {"signing_key": "x"},
        {"signing_certificates_file": "chain.pem"},
        {"signing_certificates_file": "chain.pem", "signing_service": "no_such_module:sign"},
    ],
)
def test_half_a_signer_is_refused(values: dict[str, str], tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path} | values)
    with pytest.raises(SettingsError, match=r"exactly one of|package\.module:function"):
        clip_signer(settings, NOW)


def test_short_mark_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("short\n")
    settings = Settings(data_dir=tmp_path, mark_keys_file=tmp_path / "keys")
    with pytest.raises(SettingsError, match="at least 32 characters"):
        mark_keys(settings)
