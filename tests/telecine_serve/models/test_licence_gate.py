"""Which models the settings let through, and what an operator does to vouch for one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from telecine_platform.errors import ModelError, SettingsError
from telecine_platform.rights.keys import write_new_keys
from telecine_platform.settings import Settings
from telecine_serve.cli.main import cli
from telecine_serve.local.checkup import check_machine
from telecine_serve.models.embedded import PUBLIC_KEY_FILE, SHIPPED
from telecine_serve.models.licence_gate import check_training_data

STATEMENT = {
    "model": "house",
    "made_on": "2026-11-28",
    "made_with": "train.py",
    "sources": [
        {
            "name": "stock clips",
            "kind": "licensed",
            "licence": "LicenseRef-Stock",
            "rights_holder": "Stock",
        }
    ],
    "can": [],
    "cannot": [],
}


def shipped(**changes: object) -> Settings:
    given = {"model_folder": SHIPPED, "model_keys_file": SHIPPED / PUBLIC_KEY_FILE}
    return Settings.model_validate(given | changes)


def test_nobody_is_asked_without_keys() -> None:
    assert check_training_data(shipped(model_keys_file=None)) == ()


def test_licences_without_keys_would_check_nothing() -> None:
    with pytest.raises(SettingsError, match="needs model_keys_file"):
        check_training_data(shipped(model_keys_file=None, model_licences="MIT"))


@pytest.mark.parametrize("licences", ["", "Apache-2.0", "MIT, Apache-2.0,"])
def test_embedded_model_passes(licences: str) -> None:
    (manifest,) = check_training_data(shipped(model_licences=licences))
    assert manifest.model == "embedded"


def test_other_licence_is_refused_with_its_source() -> None:
    with pytest.raises(ModelError, match=r"model_licences: MIT\): clips .*: Apache-2\.0"):
        check_training_data(shipped(model_licences="MIT"))


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A model of somebody's own, not vouched for; its keys are beside it."""
    shutil.copytree(SHIPPED, tmp_path / "model")
    (tmp_path / "model" / "training-data.json").unlink()
    write_new_keys(tmp_path / "key", tmp_path / "key.pub")
    (tmp_path / "statement.yaml").write_text(yaml.safe_dump(STATEMENT))
    return tmp_path


def telecine(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_vouched_model_passes_and_a_changed_one_does_not(house: Path) -> None:
    model, keys = house / "model", house / "key.pub"
    before = telecine("models", "check", model, "--keys", keys)
    vouched = telecine("models", "vouch", model, house / "statement.yaml", "--key", house / "key")
    after = telecine("models", "check", model, "--keys", keys)
    weights = next(model.rglob("*.safetensors"))
    weights.write_bytes(weights.read_bytes() + b"\0")
    changed = telecine("models", "check", model, "--keys", keys)

    assert "nobody vouches" in str(before.exception)
    assert vouched.exit_code == 0, vouched.exception
    assert after.output == "licensed: stock clips (LicenseRef-Stock, Stock)\n"
    assert "other weights" in str(changed.exception)


def test_statement_that_says_too_little_signs_nothing(house: Path) -> None:
    (house / "statement.yaml").write_text(yaml.safe_dump(STATEMENT | {"sources": []}))
    result = telecine(
        "models", "vouch", house / "model", house / "statement.yaml", "--key", house / "key"
    )
    assert "sources" in str(result.exception)
    assert not (house / "model" / "training-data.json").exists()


def test_adapters_are_asked_as_the_model_is(house: Path) -> None:
    (house / "film").mkdir()
    shutil.copy(SHIPPED / "vae" / "diffusion_pytorch_model.safetensors", house / "film")
    for name in ("model", "film"):
        telecine("models", "vouch", house / name, house / "statement.yaml", "--key", house / "key")
    settings = Settings(
        model_folder=house / "model",
        model_keys_file=house / "key.pub",
        adapters_folder=house,
        adapters="film",
    )
    vouched = check_training_data(settings)
    (house / "film" / "training-data.sig").unlink()

    assert len(vouched) == 2
    with pytest.raises(ModelError, match=r"film has no signed"):
        check_training_data(settings)


def test_doctor_says_who_is_missing(house: Path) -> None:
    settings = Settings(
        data_dir=house, model_folder=house / "model", model_keys_file=house / "key.pub"
    )
    (found,) = [each for each in check_machine(settings) if each.what == "training data"]
    assert found.level == "missing"
    assert "nobody vouches" in found.found
