"""kmock's emulated Kubernetes API in a thread, with KubeRay's kinds, and a kubeconfig for it.

It keeps objects and lists them by their labels. It has no defaults, no validation, no controllers:
what passes here is not cluster-tested.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kmock
import yaml

KINDS = {
    "RayService": "ray.io/v1/rayservices",
    "RayCluster": "ray.io/v1/rayclusters",
    "Deployment": "apps/v1/deployments",
    "StorageClass": "storage.k8s.io/v1/storageclasses",
    "Pod": "v1/pods",
    "Node": "v1/nodes",
    "Secret": "v1/secrets",
    "ServiceAccount": "v1/serviceaccounts",
    "PersistentVolumeClaim": "v1/persistentvolumeclaims",
}
_CLUSTER_WIDE = ("Node", "StorageClass")


class _Emulator(kmock.KubernetesEmulator):
    """kmock does not know label selectors; ours knows `key=value,key=value`."""

    async def _serve_list(self, request: kmock.Request) -> Any:  # Any: kmock's payload
        payload: Any = await super()._serve_list(request)
        wanted = str(request.url.query.get("labelSelector", "")) if request.url else ""
        pairs = {tuple(part.split("=", 1)) for part in wanted.split(",") if part}
        payload["items"] = [
            item
            for item in payload["items"]
            if pairs <= set((item["metadata"].get("labels") or {}).items())
        ]
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesApi:
    """A running emulator."""

    emulator: kmock.KubernetesEmulator
    kubeconfig: Path
    namespace: str

    def put(self, *manifests: dict[str, Any], namespace: str | None = None) -> None:  # Any: YAML
        """Store objects, in our namespace where they have one."""
        for manifest in manifests:
            kind = manifest["kind"]
            home = None if kind in _CLUSTER_WIDE else namespace or self.namespace
            resource = kmock.resource(KINDS[kind])
            self.emulator.objects[resource, home, manifest["metadata"]["name"]] = manifest

    def drop(self, kind: str, name: str) -> None:
        self.emulator.objects[kmock.resource(KINDS[kind]), self.namespace, name].delete()


@contextmanager
def kubernetes_api(folder: Path, namespace: str = "video") -> Iterator[KubernetesApi]:
    """Serve until the block ends."""
    emulator = _Emulator()
    for kind, resource in KINDS.items():
        emulator.resources[kmock.resource(resource)] = kmock.ResourceInfo(
            kind=kind, namespaced=kind not in _CLUSTER_WIDE, verbs={"get", "list"}
        )
    ready, stop, port = threading.Event(), asyncio.Event(), [0]
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with emulator, kmock.Server(emulator) as server:
            port[0] = server.port
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(30)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(yaml.safe_dump(_kubeconfig(port[0], namespace)))
        yield KubernetesApi(emulator=emulator, kubeconfig=kubeconfig, namespace=namespace)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


def _kubeconfig(port: int, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "emulated",
        "contexts": [
            {"name": "emulated", "context": {"cluster": "e", "user": "e", "namespace": namespace}}
        ],
        "clusters": [{"name": "e", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "e", "user": {"token": "no-secret"}}],
    }
