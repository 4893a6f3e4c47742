"""Runs the terraform program on a copy of our modules, offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.terraform.blocks import ROOT


def terraform(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(shutil.which("terraform")), *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith("TF_")}
        | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
    )  # fmt: skip


def copied_modules(folder: Path) -> Path:
    """A copy, because terraform leaves files behind."""
    home = folder / "modules"
    shutil.copytree(ROOT / "modules", home, ignore=shutil.ignore_patterns(".terraform*"))
    return home


def outputs(module: Path, variables: dict[str, Any]) -> dict[str, Any]:
    """What a module without providers works out; raises when it refuses."""
    (module / "test.auto.tfvars.json").write_text(json.dumps(variables))
    for arguments in (("init", "-input=false"), ("apply", "-auto-approve", "-input=false")):
        ended = terraform(module, *arguments, "-no-color")
        assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = json.loads(terraform(module, "output", "-json").stdout)
    return {name: each["value"] for name, each in shown.items()}
