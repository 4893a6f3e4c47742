"""The server as a process of its own: a real port, a clean end."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from telecine_platform.api.listener import open_listener, url_from_listener
from telecine_platform.api.server import main, serve_api
from telecine_platform.errors import SettingsError
from telecine_platform.settings import Settings


def test_a_taken_port_is_a_settings_error() -> None:
    with open_listener(Settings(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}"):
            open_listener(Settings(port=port))


def test_a_broken_config_ends_with_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "telecine.yaml"
    config.write_text("prot: 8000")
    assert main(["--config", str(config)]) == 2
    assert "prot" in capsys.readouterr().err


@pytest.mark.slow
def test_a_child_serves_its_parents_listener_and_ends_cleanly(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=0)
    with open_listener(settings) as listener:
        url = url_from_listener(listener)
        child = multiprocessing.get_context("spawn").Process(
            target=serve_api, args=(settings, listener)
        )
        child.start()
    try:
        response = httpx.get(f"{url}/readyz", timeout=60, trust_env=False)
    finally:
        child.terminate()
        child.join(timeout=30)

    assert response.status_code == 200
    assert child.exitcode == 0


@pytest.mark.slow
def test_the_module_prints_its_url_and_ends_on_sigterm(tmp_path: Path) -> None:
    environ = os.environ | {"TELECINE_DATA_DIR": str(tmp_path), "TELECINE_PORT": "0"}
    command = [sys.executable, "-m", "telecine_platform.api.server"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        response = httpx.get(f"{url}/v1/models", timeout=60, trust_env=False)
        process.send_signal(signal.SIGTERM)
        exit_code = process.wait(timeout=30)

    assert response.status_code == 200
    assert exit_code == 0
