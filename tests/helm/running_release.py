"""A release of `cpu-demo` running here: its containers as processes, its ingress as nginx.

Commands and variables are those of the rendered pods. Three things cannot be a pod's: addresses
(loopback, free ports), the folders that volumes are mounted at (below a temporary one), and the
number of Ray nodes (one machine offers the marks of every worker group).
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.helm.chart import Document, one, profile, ray_templates, render
from tests.helm.nginx import nginx
from tests.helm.serve_process import READY
from tests.s3_server import S3Server

MAX_BODY_BYTES = 200_000
_MOUNTS = ("/var/cache/telecine", "/var/lib/telecine", "/etc/telecine")
_RAY = {"RAY_AUTH_MODE": "token", "RAY_enable_metrics_collection": "0"}
"""What KubeRay adds for `authOptions: {mode: token}`; and nobody reads Ray's figures here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRelease:
    """What runs, and where the ingress answers."""

    url: str
    api: tuple[subprocess.Popen[str], ...]
    containers: Containers
    documents: Sequence[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Containers:
    """Turns rendered containers into processes."""

    folder: Path
    secrets: Mapping[str, Mapping[str, str]]

    def start(
        self, container: Document, *more: str, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[str]:
        """The container's own command, or `more` instead; `env` is laid over its variables."""
        command = list(more) or [self.here(word) for word in container["command"]]
        program = {
            "python": [sys.executable],
            "telecine": [sys.executable, "-m", "telecine_serve.cli"],
        }
        command = program.get(command[0], [command[0]]) + command[1:]
        return subprocess.Popen(
            command, env=self.env(container) | dict(env or {}), text=True, **options
        )

    def run(self, container: Document, *more: str, **options: Any) -> str:
        """Run it to its end; what it printed."""
        process = self.start(container, *more, stdout=subprocess.PIPE, **options)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, f"{container['name']}: {process.returncode} {out}"
        return out

    def env(self, container: Document) -> dict[str, str]:
        """The container's variables and nothing of ours that Telecine reads."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TELECINE_", "AWS_"))}
        for variable in container["env"]:
            if "value" in variable:
                clean[variable["name"]] = self.here(variable["value"])
            else:
                wanted = variable["valueFrom"]["secretKeyRef"]
                clean[variable["name"]] = self.secrets[wanted["name"]][wanted["key"]]
        return clean | {"HOME": str(self.folder), "AWS_EC2_METADATA_DISABLED": "true"}

    def here(self, text: str) -> str:
        for mount in _MOUNTS:
            text = text.replace(mount, f"{self.folder}{mount}")
        return text


@contextmanager
def running_release(
    folder: Path, database_url: str, s3: S3Server, nginx_binary: str
) -> Iterator[RunningRelease]:
    """Yields once a prompt can be served."""
    documents = render(_values(s3))
    keys = {name: value for name, value in s3.environ().items() if name.startswith("AWS_")}
    containers = Containers(
        folder=folder, secrets={"database": {"url": database_url}, "s3-keys": keys}
    )
    pod = one(documents, "Deployment", "-api")["spec"]["template"]["spec"]
    _mount_signing_keys(documents, containers)
    containers.run(pod["initContainers"][0])
    with ExitStack() as stack:
        stages = stack.enter_context(_stages(documents, containers))
        api = tuple(stack.enter_context(_api(pod, containers)) for _ in range(2))
        backends = [_line(process).removeprefix("http://") for process in api]
        url = stack.enter_context(nginx(nginx_binary, one(documents, "Ingress"), backends, folder))
        while _line(stages) != READY:
            pass
        yield RunningRelease(url=url, api=api, containers=containers, documents=documents)


def _values(s3: S3Server) -> Document:
    return profile(
        "cpu-demo",
        {
            "postgresql": {"enabled": False},
            "database": {"existingSecret": "database"},
            "storage": {
                "url": f"s3://{s3.bucket}/clips",
                "endpointUrl": s3.endpoint_url,
                "region": "us-east-1",
                "existingSecret": "s3-keys",
                "volume": {"enabled": False},
            },
            # `embedded` of the end-to-end tests has the model; its start takes 15 s of CPU.
            "settings": {"screening_model": "none", "max_body_bytes": MAX_BODY_BYTES},
            "edge": {
                "host": "video.example.org",
                "ingress": {"enabled": True},
                "tls": {"allowPlain": True},
            },
        },
    )


def _mount_signing_keys(documents: Sequence[Document], containers: Containers) -> None:
    """What the operator makes and puts into the secret, where the pods' volumes show it."""
    made = containers.folder / "signing"
    command = [sys.executable, "-m", "telecine_serve.cli", "certificates", str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    api = one(documents, "Deployment", "-api")["spec"]["template"]
    for template in (api, ray_templates(documents)["moderation"]):
        spec = template["spec"]
        paths = {
            mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]
        }
        for volume in spec["volumes"]:
            if volume.get("secret", {}).get("secretName") == "telecine-signing":
                (item,) = volume["secret"]["items"]
                target = Path(containers.here(paths[volume["name"]])) / item["path"]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes((made / item["key"]).read_bytes())


@contextmanager
def _stages(
    documents: Sequence[Document], containers: Containers
) -> Iterator[subprocess.Popen[str]]:
    """The RayService: its weights first, then its Serve config on a Ray with its groups' marks."""
    service = one(documents, "RayService")["spec"]
    host = ray_templates(documents)["generation-embedded"]["spec"]
    containers.run(host["initContainers"][0])
    groups = service["rayClusterConfig"]["workerGroupSpecs"]
    nodes = [
        group["resources"]
        for group in groups
        for _ in range(group["maxReplicas"] * group.get("numOfHosts", 1))
    ]
    config, offered = containers.folder / "serve.yaml", containers.folder / "nodes.json"
    config.write_text(containers.here(service["serveConfigV2"]))
    offered.write_text(json.dumps(nodes))
    with _running(
        containers.start(
            host["containers"][0],
            *("python", "-m", "tests.helm.serve_process", str(config), str(offered)),
            env=_RAY | {"RAY_AUTH_TOKEN": secrets.token_hex(16)},
            stdout=subprocess.PIPE,
        )
    ) as process:
        yield process


@contextmanager
def _api(pod: Document, containers: Containers) -> Iterator[subprocess.Popen[str]]:
    with _running(
        containers.start(
            pod["containers"][0],
            env={"TELECINE_HOST": "127.0.0.1", "TELECINE_PORT": "0"},
            stdout=subprocess.PIPE,
        )
    ) as process:
        yield process


@contextmanager
def _running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"ended with {process.wait(timeout=30)} before it was ready"
    return line.strip()
