"""What pods refer to by name and cannot start or work without. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telecine_platform.k8s.manifests import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """Names in the pods' own namespace."""

    secrets: Mapping[str, frozenset[str]]
    """Secret -> the keys that have to be in it."""
    volume_claims: tuple[str, ...]
    service_accounts: tuple[str, ...]
    variables: frozenset[str]
    """Names of the environment variables that the containers are given."""


def needs_of_pods(pods: Sequence[Manifest]) -> Needs:
    """What these pod specs need; what they mark as optional is left out."""
    secrets: dict[str, set[str]] = {}
    for name, key in (found for pod in pods for found in _secrets(pod)):
        secrets.setdefault(name, set()).update({key} if key else ())
    volumes = [volume for pod in pods for volume in pod.get("volumes") or []]
    claims = [each["persistentVolumeClaim"]["claimName"] for each in volumes
              if "persistentVolumeClaim" in each]  # fmt: skip
    variables = [each["name"] for pod in pods for each in _variables(pod)]
    accounts = [pod["serviceAccountName"] for pod in pods if "serviceAccountName" in pod]
    return Needs(
        secrets={name: frozenset(keys) for name, keys in sorted(secrets.items())},
        volume_claims=tuple(dict.fromkeys(claims)),
        service_accounts=tuple(dict.fromkeys(accounts)),
        variables=frozenset(variables),
    )


def _secrets(pod: Manifest) -> Iterator[tuple[str, str]]:
    """(secret, key); an empty key is the whole secret."""
    for variable in _variables(pod):
        reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if reference and not reference.get("optional"):
            yield reference["name"], reference["key"]
    for container in _containers(pod):
        for source in container.get("envFrom") or []:
            reference = source.get("secretRef")
            if reference and not reference.get("optional"):
                yield reference["name"], ""
    for volume in pod.get("volumes") or []:
        yield from _secrets_of_volume(volume)
    for reference in pod.get("imagePullSecrets") or []:
        yield reference["name"], ""


def _secrets_of_volume(volume: Manifest) -> Iterator[tuple[str, str]]:
    whole = volume.get("secret")
    parts = (volume.get("projected") or {}).get("sources") or []
    for source in [*([whole] if whole else []), *[p["secret"] for p in parts if "secret" in p]]:
        if source.get("optional"):
            continue
        name = source.get("secretName") or source["name"]
        yield name, ""
        for item in source.get("items") or []:
            yield name, item["key"]


def _variables(pod: Manifest) -> Iterator[Manifest]:
    for container in _containers(pod):
        yield from container.get("env") or []


def _containers(pod: Manifest) -> Iterator[Manifest]:
    yield from pod.get("initContainers") or []
    yield from pod.get("containers") or []
