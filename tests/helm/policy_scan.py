"""`make scan`: checkov over what the chart renders and over the image files, in one run.

checkov does not know RayClusters, so their pod templates are projected to pods. It lives in an
environment of its own (`.venv-scan`): it wants older versions of what we use. Skips are in
`policy_skips.yaml`, each with its reason; one that skips nothing fails the scan as well.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

from tests.helm.chart import Document, profile, render
from tests.helm.schemas import CUSTOM, projected_pods

ROOT = Path(__file__).resolve().parents[2]
CHECKOV = ROOT / ".venv-scan" / "bin" / "checkov"
SKIPS = Path(__file__).parent / "policy_skips.yaml"
_EVERYTHING = {
    "database": {"migrate": "job"},
    "otel": {"collector": {"enabled": True, "exportTo": "https://traces.example.org"}},
    "loadTest": {"enabled": True, "apiKeySecret": "load-key"},
    "generation": {
        "defaultModel": "wan2.1-t2v-14b",
        "models": {
            "wan2.2-ti2v-5b": {"weights": {"source": "s3://bucket/models/wan2.2-ti2v-5b"}},
            "wan2.1-t2v-14b": {
                "weights": {
                    "cache": {"type": "pvc", "existingClaim": "weights", "prefetchJob": True}
                }
            },
        },
    },
    "alerts": {"enabled": False},
}


def objects() -> list[Document]:
    """Both profiles, and the GPU one with every optional workload."""
    releases = {
        "demo": profile("cpu-demo"),
        "gpu": profile("gpu"),
        "all": profile("gpu", _EVERYTHING),
    }
    found: list[Document] = []
    for name, values in releases.items():
        for document in render(values, name=name):
            if document["kind"] == "RayService":
                found += [_named(pod, name) for pod in projected_pods(document)]
            elif not document["apiVersion"].startswith(CUSTOM):
                found.append(document)
    return found


def failures(checkov: Path) -> list[tuple[str, str, str]]:
    """(check, what it says, where) of every failed check."""
    with tempfile.TemporaryDirectory(prefix="telecine-policy-") as name:
        folder = Path(name)
        (folder / "rendered.yaml").write_text(yaml.safe_dump_all(objects()))
        for file in sorted((ROOT / "images").glob("*.Dockerfile")):
            shutil.copy(file, folder / file.name)
        command: list[str | Path] = [
            checkov,
            "-d",
            folder,
            "--framework",
            "kubernetes",
            "dockerfile",
        ]
        command += ["--skip-download", "--output", "json", "--quiet", "--soft-fail"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return [
        (check["check_id"], check["check_name"], check["resource"])
        for report in _reports(done.stdout)
        for check in report["results"]["failed_checks"]
    ]


def _reports(text: str) -> list[Any]:  # Any: checkov's JSON
    """One for each framework, and no scan that looked at nothing."""
    found = json.loads(text)
    reports = found if isinstance(found, list) else [found]
    seen = {report["check_type"] for report in reports if report["summary"]["resource_count"]}
    if seen != {"kubernetes", "dockerfile"}:
        raise SystemExit(f"checkov looked only at {sorted(seen)}")
    return reports


def _named(pod: Document, release: str) -> Document:
    return pod | {"metadata": pod["metadata"] | {"name": f"{release}-{pod['metadata']['name']}"}}


def main() -> int:
    """Exit codes: 0 clean, 1 something to mend."""
    skips: dict[str, str] = yaml.safe_load(SKIPS.read_text())
    found = failures(CHECKOV if len(sys.argv) < 2 else Path(sys.argv[1]))
    wrong = [failure for failure in found if failure[0] not in skips]
    unused = sorted(set(skips) - {check for check, _, _ in found})
    for check, says, where in wrong:
        print(f"{check} {where}: {says}")
    for check in unused:
        print(f"{check} is skipped for nothing: take it out of {SKIPS.name}")
    print(
        f"{len(objects())} objects, {len(found) - len(wrong)} failures explained, {len(wrong)} not"
    )
    return 1 if wrong or unused else 0


if __name__ == "__main__":
    sys.exit(main())
