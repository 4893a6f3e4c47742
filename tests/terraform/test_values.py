"""What Terraform hands on is what the chart takes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.terraform.blocks import ROOT
from tests.terraform.program import copied_modules, outputs

CHART = ROOT.parent / "helm" / "telecine"
pytestmark = [
    pytest.mark.skipif(
        shutil.which("terraform") is None, reason="no terraform program on this machine"
    ),
]
CLOUDS: dict[str, dict[str, Any]] = {
    "aws": {
        "gang": {"machine": "p5.48xlarge", "hosts": 2, "gpus_per_host": 8, "min": 1, "max": 4},
        "values": {
            "storage_region": "eu-central-1",
            "service_account": {
                "name": "telecine",
                "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/telecine"},
            },
        },
    },
    "gcp": {
        "gang": {"machine": "a3-highgpu-8g", "gpus_per_host": 8, "max": 2},
        "values": {
            "storage_region": "auto",
            "storage_endpoint_url": "https://storage.googleapis.com",
            "storage_secret": "telecine-storage",
            "reaches_metadata": True,
            "service_account": {
                "name": "telecine",
                "annotations": {"iam.gke.io/gcp-service-account": "w@p.iam.gserviceaccount.com"},
            },
        },
    },
}


@pytest.fixture(params=CLOUDS)
def values(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The values file that a root module of that cloud gives out."""
    cloud = str(request.param)
    modules = copied_modules(tmp_path)
    gang = CLOUDS[cloud]["gang"] | {"weights_source": "s3://acme-clips/models/wan2.1-t2v-14b"}
    gangs = outputs(modules / "plan-gangs", {"cloud": cloud, "gangs": {"wan2.1-t2v-14b": gang}})
    bucket = outputs(modules / "plan-bucket", {"name": "acme-clips"})
    planned = outputs(
        modules / "plan-values",
        CLOUDS[cloud]["values"]
        | {
            "storage_url": bucket["storage_url"],
            "database_cidrs": ["10.0.0.0/16"],
            "models": gangs["models"],
        },
    )
    found: dict[str, Any] = yaml.safe_load(planned["values_yaml"])
    return found


@pytest.mark.skipif(not CHART.is_dir(), reason="the chart is not here")
def test_the_charts_schema_takes_the_values(values: dict[str, Any]) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    jsonschema.validate(_merged(defaults, values), schema)


def _merged(below: Any, above: Any) -> Any:  # Any: YAML, as Helm merges it
    if isinstance(below, dict) and isinstance(above, dict):
        both = below.keys() & above.keys()
        return below | above | {key: _merged(below[key], above[key]) for key in both}
    return above
