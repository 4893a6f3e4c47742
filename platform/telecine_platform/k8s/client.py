"""Reads from the Kubernetes API; nothing here writes. The official client's only home.

Objects come back as plain mappings, as in manifests: the client has no types for operators' kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from telecine_platform.errors import ClusterUnavailable, NotFound, SettingsError
from telecine_platform.k8s.manifests import Manifest

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

TIMEOUT_S = 15.0
_RAY = "/apis/ray.io/v1"
_NOT_FOUND = 404
_POD_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""There in every pod that has a service account's token."""


class Cluster:
    """One namespace, read-only. Raises `ClusterUnavailable` when the cluster does not answer."""

    def __init__(self, api: ApiClient, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    def ray_services(self) -> Sequence[Manifest]:
        """Raises `NotFound` where KubeRay's kinds are unknown."""
        try:
            return self._list(f"{_RAY}/namespaces/{self.namespace}/rayservices")
        except NotFound as error:
            raise NotFound(
                "this cluster does not know RayService: install the KubeRay operator, 1.7 or newer"
            ) from error

    def ray_service(self, name: str) -> Manifest:
        try:
            return self._get(f"{_RAY}/namespaces/{self.namespace}/rayservices/{name}")
        except NotFound as error:
            raise NotFound(
                f"no RayService {name!r} in namespace {self.namespace!r}: see "
                "`kubectl get rayservice -A`, then choose with --name and --namespace"
            ) from error

    def ray_cluster(self, name: str) -> Manifest:
        return self._get(f"{_RAY}/namespaces/{self.namespace}/rayclusters/{name}")

    def pods(self, label_selector: str) -> Sequence[Manifest]:
        return self._in_namespace("pods", label_selector)

    def secret(self, name: str) -> Manifest:
        """Holds the values: take what you ask about and drop it."""
        return self._get(f"/api/v1/namespaces/{self.namespace}/secrets/{name}")

    def service_account(self, name: str) -> Manifest:
        return self._get(f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}")

    def volume_claim(self, name: str) -> Manifest:
        return self._get(f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/{name}")

    def deployments(self, label_selector: str) -> Sequence[Manifest]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        return self._list(path, label_selector)

    def all_deployments(self, label_selector: str) -> Sequence[Manifest]:
        """In every namespace."""
        return self._list("/apis/apps/v1/deployments", label_selector)

    def nodes(self) -> Sequence[Manifest]:
        return self._list("/api/v1/nodes")

    def storage_classes(self) -> Sequence[Manifest]:
        return self._list("/apis/storage.k8s.io/v1/storageclasses")

    def _in_namespace(self, kind: str, label_selector: str) -> Sequence[Manifest]:
        return self._list(f"/api/v1/namespaces/{self.namespace}/{kind}", label_selector)

    def _list(self, path: str, label_selector: str = "") -> Sequence[Manifest]:
        found: list[Manifest] = []
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            page = self._get(path, query)
            found += page.get("items") or []
            if not (following := (page.get("metadata") or {}).get("continue")):
                return found
            query["continue"] = following

    def _get(self, path: str, query: dict[str, str] | None = None) -> Manifest:
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        try:
            answer = self._api.call_api(
                *self._api.param_serialize(
                    "GET",
                    path,
                    query_params=list((query or {}).items()),
                    header_params={"Accept": "application/json"},
                    auth_settings=["BearerToken"],
                ),
                _request_timeout=TIMEOUT_S,
            )
            answer.read()
            body = self._api.response_deserialize(answer, {"200": "object"}).data
        except ApiException as error:
            if error.status == _NOT_FOUND:
                raise NotFound(f"the cluster has no {path}") from error
            raise ClusterUnavailable(
                f"the Kubernetes API refuses {path}: {error.status} {error.reason}; "
                "may your account read it?"
            ) from error
        except (HTTPError, OSError) as error:
            raise ClusterUnavailable(
                f"the Kubernetes API does not answer ({type(error).__name__}); check --context and"
                " that `kubectl get nodes` works"
            ) from error
        return cast(Manifest, body)


def open_cluster(
    *, namespace: str | None, context: str | None = None, kubeconfig: Path | None = None
) -> Cluster:
    """Connect as kubectl would, or as a pod's service account inside a cluster.

    `namespace` None is the context's own. Raises `SettingsError` without a usable configuration.
    """
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise SettingsError(
            "the Kubernetes client is not installed: pip install 'telecine[kubernetes]'"
        ) from error
    configuration = client.Configuration()
    configuration.retries = False
    file = None if kubeconfig is None else str(kubeconfig)
    try:
        config.load_kube_config(file, context=context, client_configuration=configuration)
        own = _namespace_of_context(file, context)
    except (config.ConfigException, OSError) as error:
        if context is not None or kubeconfig is not None or not _POD_NAMESPACE.exists():
            raise SettingsError(
                f"no cluster can be reached: {error}; set KUBECONFIG, or --context"
            ) from error
        config.load_incluster_config(client_configuration=configuration)
        own = _POD_NAMESPACE.read_text(encoding="utf-8").strip()
    return Cluster(client.ApiClient(configuration), namespace or own)


def _namespace_of_context(file: str | None, context: str | None) -> str:
    from kubernetes import config

    contexts, active = config.list_kube_config_contexts(file)
    chosen = next((each for each in contexts if each["name"] == context), active)
    return str(chosen["context"].get("namespace", "default"))
