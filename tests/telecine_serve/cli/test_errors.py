"""What is wrong is said in one line, with the exit code that a script can act on."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def telecine(tmp_path: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("TELECINE_")}
    return subprocess.run(
        [sys.executable, "-m", "telecine_serve.cli", *arguments],
        env=clean | {"TELECINE_DATA_DIR": str(tmp_path)} | environ,
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "code", "said"),
    [
        ({"TELECINE_MODEL": "sora"}, 2, "no model 'sora'; known models: embedded"),
        ({"TELECINE_MODEL_FOLDER": "/nowhere"}, 1, "model_index.json is missing"),
        ({"TELECINE_MORE_MODELS": "wan2.2-ti2v-5b=8x2"}, 1, "put wan2.2-ti2v-5b there"),
        ({"TELECINE_MORE_MODELS": "embedded=2x1"}, 2, "embedded is served already"),
        ({"TELECINE_COLOUR": "red"}, 2, "colour: no such setting"),
        ({"TELECINE_STORAGE_URL": "ftp://x"}, 2, "use file:///folder"),
        ({"TELECINE_DATABASE_URL": "postgresql://u:pw@127.0.0.1:1/x"}, 3, "does not answer"),
        (
            {
                "TELECINE_STORAGE_URL": "s3://bucket/clips",
                "TELECINE_S3_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_ACCESS_KEY_ID": "id",
                "AWS_SECRET_ACCESS_KEY": "topsecret",
            },
            3,
            "bucket",
        ),
    ],
)
def test_up_refuses_to_start_without_its_parts(
    tmp_path: Path, environ: dict[str, str], code: int, said: str
) -> None:
    ended = telecine(tmp_path, "up", "--port", "0", **environ)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "pw" not in ended.stderr.replace("pwd", "")
    assert "topsecret" not in ended.stderr


def test_taken_port_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = telecine(tmp_path, "up", "--port", port)
    assert (ended.returncode, f"port {port}" in ended.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["generate", "x", "-o", "x.mp4", "--server", "http://127.0.0.1:1"], 3, "does not answer"),
        (["generate", "x", "-o", "/nowhere/x.mp4", "--server", "http://127.0.0.1:1"], 2, "folder"),
        (["generate", "x"], 2, "--output"),
        (["fly"], 2, "No such command"),
    ],
)
def test_generate_says_what_is_wrong(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    ended = telecine(tmp_path, *arguments)
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr


def test_json_asked_for_is_json_also_for_an_error(tmp_path: Path) -> None:
    ended = telecine(
        tmp_path, "generate", "x", "-o", "x.mp4", "--json", "--server", "http://127.0.0.1:1"
    )
    assert json.loads(ended.stderr)["error"]["code"] == "store_unavailable"


def test_doctor_reports_every_part_and_fails_on_a_missing_one(tmp_path: Path) -> None:
    healthy = telecine(tmp_path, "doctor", "--json")
    findings = {item["what"]: item for item in json.loads(healthy.stdout)}
    assert healthy.returncode == 0, findings
    assert {"Python", "torch", "database", "storage", "model", "rights registry"} <= set(findings)
    broken = telecine(tmp_path, "doctor", "--json", TELECINE_REGISTRY_FILE="/nowhere.yaml")
    findings = {item["what"]: item for item in json.loads(broken.stdout)}
    assert (broken.returncode, findings["rights registry"]["level"]) == (1, "missing")
    assert findings["rights registry"]["cure"]


def test_models_are_listed_and_written(tmp_path: Path) -> None:
    listed = telecine(tmp_path, "models", "list", "--json")
    assert "embedded" in [card["name"] for card in json.loads(listed.stdout)]
    written = telecine(tmp_path, "models", "write-embedded", str(tmp_path / "model"))
    assert (written.returncode, written.stdout) == (0, f"{tmp_path / 'model'}\n")
    assert (tmp_path / "model" / "model_index.json").is_file()


@pytest.fixture(autouse=True)
def _in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
