"""Rendered manifests from files, as plain YAML objects.

What Kubernetes reads stays a mapping here: its shape belongs to Kubernetes, and fields that we do
not know have to be compared all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from telecine_platform.errors import InvalidRequest

Manifest = Mapping[str, Any]  # Any: YAML of any shape
_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Everything that one `helm template` gave out, by (kind, name)."""

    ray_services: Mapping[str, Manifest]
    others: Mapping[tuple[str, str], Manifest]


def read_release(path: Path) -> Release:
    """Read a file, or every YAML file below a folder; `InvalidRequest` says what is wrong."""
    services: dict[str, Manifest] = {}
    others: dict[tuple[str, str], Manifest] = {}
    for file in _files(path):
        for manifest in _manifests(file):
            kind, name = _identity(manifest, file)
            known: Mapping[Any, Manifest] = services if kind == "RayService" else others
            if (name if kind == "RayService" else (kind, name)) in known:
                raise InvalidRequest(f"{file}: {kind} {name!r} is there twice; render one release")
            if kind == "RayService":
                _check_ray_service(manifest, file)
                services[name] = manifest
            else:
                others[kind, name] = manifest
    if not services:
        raise InvalidRequest(
            f"{path} holds no RayService; render the chart with `helm template NAME helm/telecine`"
        )
    return Release(ray_services=services, others=others)


def group_specs(config: Manifest) -> Sequence[Manifest]:
    """The worker groups of a `rayClusterConfig`."""
    groups: Sequence[Manifest] = config.get("workerGroupSpecs") or []
    return groups


def pod_spec(group: Manifest) -> Manifest:
    """The pod of a head or worker group."""
    spec: Manifest = (group.get("template") or {}).get("spec") or {}
    return spec


def environment(config: Manifest) -> dict[str, str]:
    """The plain values among the variables of all Ray containers; secrets stay where they are."""
    return {
        variable["name"]: str(variable["value"])
        for group in (config.get("headGroupSpec") or {}, *group_specs(config))
        for container in pod_spec(group).get("containers") or []
        for variable in container.get("env") or []
        if "value" in variable
    }


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
    else:
        files = [path]
    if not files:
        raise InvalidRequest(f"{path} holds no file that ends in {', '.join(_SUFFIXES)}")
    return files


def _manifests(file: Path) -> Iterator[Manifest]:
    try:
        documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InvalidRequest(f"{file} cannot be read as YAML: {error}") from error
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "List":
            yield from document.get("items") or []
        elif document is not None:
            yield document


def _identity(manifest: object, file: Path) -> tuple[str, str]:
    if isinstance(manifest, dict):
        metadata = manifest.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(name, str) and isinstance(manifest.get("kind"), str):
            return manifest["kind"], name
    raise InvalidRequest(f"{file} holds something without kind and metadata.name: no manifest")


def _check_ray_service(manifest: Manifest, file: Path) -> None:
    config = (manifest.get("spec") or {}).get("rayClusterConfig")
    groups = config.get("workerGroupSpecs") if isinstance(config, dict) else None
    if groups is None or not all(isinstance(group, dict) for group in groups):
        name = manifest["metadata"]["name"]
        raise InvalidRequest(f"{file}: RayService {name!r} has no rayClusterConfig with groups")
