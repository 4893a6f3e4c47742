"""What must be true between a release's objects: ports, selectors, volumes, secrets, policies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tests.helm.chart import Document, of_kind, one, ray_templates

RAY_PARTS = ("head", "screening", "generation", "moderation")
STAGES = RAY_PARTS[1:]
DOCUMENTED_SECRETS = {
    *("ray-token", "redis", "registry", "s3-keys", "smoke-key", "telecine-api-keys"),
    *("telecine-database", "telecine-ledger", "telecine-signing", "telecine-tls"),
    "telecine-webhook-keys",
}
"""Existing secrets that the value sets name."""


def pods(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """(where, pod template) of everything that becomes a pod."""
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        match document["kind"]:
            case "Deployment" | "StatefulSet" | "Job":
                yield name, document["spec"]["template"]
            case "Pod":
                yield name, document
            case "RayService":
                for group, template in ray_templates([document]).items():
                    yield f"{name}/{group}", template


def problems(documents: Sequence[Document]) -> list[str]:
    """Every broken promise, as a line."""
    return [
        *_selectors(documents),
        *_volumes(documents),
        *_secrets(documents),
        *_backends(documents),
        *_policies(documents),
        *_times(documents),
        *_names(documents),
    ]


def containers(template: Document) -> list[Document]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def _labels(documents: Sequence[Document]) -> list[dict[str, str]]:
    return [template["metadata"]["labels"] for _, template in pods(documents)]


def _selects(selector: Document, labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector.get("matchLabels", selector)
    return wanted.items() <= labels.items()


def _selectors(documents: Sequence[Document]) -> Iterator[str]:
    """Services, monitors, budgets and policies meet a pod; a workload meets its own."""
    for document in documents:
        kind, spec = document["kind"], document.get("spec", {})
        selector = spec.get("podSelector") if kind == "NetworkPolicy" else spec.get("selector")
        if kind in ("Service", "PodMonitor", "PodDisruptionBudget", "NetworkPolicy") and not any(
            _selects(selector or {}, labels) for labels in _labels(documents)
        ):
            yield f"{kind} {document['metadata']['name']} selects no pod"
        if kind in ("Deployment", "StatefulSet") and not _selects(
            spec["selector"], spec["template"]["metadata"]["labels"]
        ):
            yield f"{kind} {document['metadata']['name']} does not select its own pods"


def _volumes(documents: Sequence[Document]) -> Iterator[str]:
    for where, template in pods(documents):
        volumes = [volume["name"] for volume in template["spec"].get("volumes", [])]
        if len(set(volumes)) != len(volumes):
            yield f"{where} has a volume twice: {volumes}"
        named = set(volumes)
        if where.startswith("StatefulSet"):
            named.add("database")
        mounted = {m["name"] for c in containers(template) for m in c.get("volumeMounts", [])}
        if mounted != named:
            yield f"{where}: mounted {mounted ^ named} without a volume, or the other way round"
        claims = {claim["name"] for claim in template["spec"].get("resourceClaims", [])}
        used = {
            claim["name"]
            for container in containers(template)
            for claim in container["resources"].get("claims", [])
        }
        if claims != used:
            yield f"{where}: resource claims {claims} but used {used}"


def _secrets(documents: Sequence[Document]) -> Iterator[str]:
    made = {d["metadata"]["name"]: set(d["stringData"]) for d in of_kind(documents, "Secret")}
    for where, name, key in _references(documents):
        if name in made and key is not None and key not in made[name]:
            yield f"{where} wants {key} of secret {name}, which has {made[name]}"
        if name not in made and name not in DOCUMENTED_SECRETS:
            yield f"{where} wants secret {name}, which nobody makes"


def _references(documents: Sequence[Document]) -> Iterator[tuple[str, str, str | None]]:
    for where, template in pods(documents):
        for container in containers(template):
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    yield where, reference["name"], reference["key"]
        for volume in template["spec"].get("volumes", []):
            if "secret" in volume:
                items = volume["secret"].get("items", [{"key": None}])
                yield where, volume["secret"]["secretName"], items[0]["key"]
        for secret in template["spec"].get("imagePullSecrets", []):
            yield where, secret["name"], None
    for ingress in of_kind(documents, "Ingress"):
        for tls in ingress["spec"].get("tls", []):
            yield "Ingress", tls["secretName"], None


def _backends(documents: Sequence[Document]) -> Iterator[str]:
    """Service ports lead to container ports; the ways in lead to the API and nowhere else."""
    services = {d["metadata"]["name"]: d["spec"] for d in of_kind(documents, "Service")}
    for name, service in services.items():
        ports = {
            port["name"]
            for _, template in pods(documents)
            if _selects(service["selector"], template["metadata"]["labels"])
            for container in template["spec"]["containers"]
            for port in container.get("ports", [])
        }
        if missing := {port["targetPort"] for port in service["ports"]} - ports:
            yield f"service {name}: no container has the port {missing}"
    wanted = [
        path["backend"]["service"]["name"]
        for ingress in of_kind(documents, "Ingress")
        for rule in ingress["spec"]["rules"]
        for path in rule["http"]["paths"]
    ]
    for route in of_kind(documents, "HTTPRoute"):
        backends = [backend for rule in route["spec"]["rules"] for backend in rule["backendRefs"]]
        wanted += [backend["name"] for backend in backends]
        for backend in backends:
            if backend["port"] not in [port["port"] for port in services[backend["name"]]["ports"]]:
                yield f"the route leads to no port of {backend['name']}"
    for name in wanted:
        if not name.endswith("-api") or name not in services:
            yield f"the edge leads to {name}"


def _policies(documents: Sequence[Document]) -> Iterator[str]:
    """Every pod is selected by the denying policy; stages do not meet; nobody else sees Ray."""
    policies = of_kind(documents, "NetworkPolicy")
    deny = one(documents, "NetworkPolicy", "-deny")["spec"]
    if deny.get("ingress") or deny.get("egress") or len(deny["policyTypes"]) != 2:
        yield "the denying policy allows something"
    for where, template in pods(documents):
        if not _selects(deny["podSelector"], template["metadata"]["labels"]):
            yield f"{where} is not denied by default"
        own = [
            p
            for p in policies
            if _selects(p["spec"]["podSelector"], template["metadata"]["labels"])
        ]
        if len(own) < 2:
            yield f"{where} has no policy of its own: it can reach nothing"
    for policy in policies:
        for part in RAY_PARTS:
            if policy["metadata"]["name"].endswith(f"-{part}"):
                yield from _ray_ingress(policy, part)
        if "egress" in policy["spec"] and not any(
            port == {"port": 53, "protocol": "UDP"}
            for rule in policy["spec"]["egress"]
            for port in rule.get("ports", [])
        ):
            yield f"{policy['metadata']['name']} may not ask the DNS"


def _ray_ingress(policy: Document, part: str) -> Iterator[str]:
    for rule in policy["spec"]["ingress"]:
        namespaces = [peer for peer in rule["from"] if "namespaceSelector" in peer]
        ports = {port["port"] for port in rule.get("ports", [])}
        if namespaces and not (ports and ports <= {"metrics", "dashboard", "serve"}):
            yield f"{part}: another namespace reaches {ports or 'every port'}"
        if "dashboard" in ports and part != "head":
            yield f"{part} shows a dashboard"


def _times(documents: Sequence[Document]) -> Iterator[str]:
    service = one(documents, "RayService")["spec"]
    for group, template in ray_templates(documents).items():
        spec = template["spec"]
        command = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        drain_s = int(command[-1].removeprefix("--timeout-s="))
        if spec["terminationGracePeriodSeconds"] < drain_s + 30:
            yield f"{group}: killed before it has drained"
        if service["rayClusterDeletionDelaySeconds"] < drain_s:
            yield f"{group}: deleted before it has drained"


def _names(documents: Sequence[Document]) -> Iterator[str]:
    seen: set[tuple[Any, ...]] = set()
    for document in documents:
        key = (document["apiVersion"], document["kind"], document["metadata"]["name"])
        if key in seen:
            yield f"twice: {key}"
        seen.add(key)
        if len(document["metadata"]["name"]) > 63:
            yield f"too long: {key}"
