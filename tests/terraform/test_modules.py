"""terraform's own checks where they run offline: format everywhere, the rest without providers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.terraform.blocks import ROOT
from tests.terraform.program import copied_modules, terraform

pytestmark = pytest.mark.skipif(
    shutil.which("terraform") is None, reason="no terraform program on this machine"
)
MODULES = ("plan-gangs", "plan-bucket", "plan-values")


def test_every_file_is_formatted() -> None:
    ended = terraform(ROOT, "fmt", "-check", "-recursive", "-no-color")
    assert (ended.returncode, ended.stdout) == (0, "")


@pytest.mark.parametrize("name", MODULES)
def test_a_plan_module_is_valid_and_passes_its_tests(name: str, tmp_path: Path) -> None:
    module = copied_modules(tmp_path) / name
    init = terraform(module, "init", "-input=false", "-no-color")
    assert init.returncode == 0, init.stderr
    valid = terraform(module, "validate", "-no-color")
    assert valid.returncode == 0, valid.stderr
    tested = terraform(module, "test", "-no-color")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "0 failed" in tested.stdout
