"""nginx from Debian, configured as ingress-nginx would be by a rendered Ingress."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.helm.chart import Document

_PREFIX = "nginx.ingress.kubernetes.io/"
READY_WITHIN_S = 20.0


def nginx_binary() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def nginx(binary: str, ingress: Document, backends: Sequence[str], folder: Path) -> Iterator[str]:
    """Serve the Ingress's paths from `backends` (host:port); yields the URL."""
    port = _free_port()
    (folder / "nginx.conf").write_text(_config(ingress, backends, folder, port))
    process = subprocess.Popen([binary, "-p", str(folder), "-c", str(folder / "nginx.conf")])
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _config(ingress: Document, backends: Sequence[str], folder: Path, port: int) -> str:
    """Each annotation becomes the directive that ingress-nginx makes of it; times are seconds."""
    asked = {
        name.removeprefix(_PREFIX).replace("-", "_"): value
        for name, value in ingress["metadata"]["annotations"].items()
    }
    directives = [f"client_max_body_size {asked.pop('proxy_body_size')};"]
    directives += [f"{name} {value};" for name, value in asked.items()]
    locations = [
        f"location {'=' if path['pathType'] == 'Exact' else ''} {path['path']} "
        "{ proxy_pass http://api; }"
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    ]
    temporary = [
        f"{kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    ]
    servers = [f"server {backend} max_fails=1 fail_timeout=5s;" for backend in backends]
    return "\n".join(
        [
            "daemon off;",
            *(["user root;"] if os.geteuid() == 0 else []),  # its workers must reach `folder`
            f"pid {folder / 'nginx.pid'};",
            f"error_log {folder / 'error.log'} warn;",
            "events { worker_connections 256; }",
            "http {",
            *temporary,
            "access_log off;",
            *["upstream api {", *servers, "keepalive 8;", "}"],
            *["server {", f"listen 127.0.0.1:{port};"],
            'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;',
            *directives,
            *locations,
            "location / { return 404; }",
            "}",
            "}",
            "",
        ]
    )


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "nginx did not start"
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
