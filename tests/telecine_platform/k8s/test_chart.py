"""The preview on what our own chart renders."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from telecine_platform.k8s.manifests import read_release
from telecine_platform.k8s.preview import Preview, Verdict, preview_release

CHART = Path(__file__).resolve().parents[3] / "helm" / "telecine"
pytestmark = pytest.mark.skipif(not CHART.is_dir(), reason="the chart is not here")


def render(folder: Path, **changes: Any) -> Path:  # Any: values
    """The gpu profile with some values changed by their dotted names."""
    values = yaml.safe_load((CHART / "profiles" / "gpu.yaml").read_text())
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = values
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = copy.deepcopy(value)
    with helm_python.Chart.load(str(CHART)) as chart:
        files = chart.render(values, name="telecine", namespace="video")
    folder.mkdir()
    for name, text in files.items():
        if name.endswith(".yaml") and text.strip():
            (folder / name.replace("/", "_")).write_text(text)
    return folder


def preview(tmp_path: Path, **changes: Any) -> Preview:
    old, new = render(tmp_path / "old"), render(tmp_path / "new", **changes)
    found = preview_release(read_release(old), read_release(new), start_s=600, drain_s=60)
    (only,) = found.services
    return only


def test_the_same_values_change_nothing(tmp_path: Path) -> None:
    assert preview(tmp_path).verdict is Verdict.NOTHING


def test_a_setting_is_an_update_in_place_that_drains_by_the_charts_bound(tmp_path: Path) -> None:
    found = preview(tmp_path, settings__target_wait_s=20)
    assert (found.verdict, found.extra_gpus) == (Verdict.IN_PLACE, 0)
    assert found.drain is not None
    assert found.drain.makes_clips
    assert found.drain.at_most_s == 960


def test_a_new_image_is_a_second_cluster_whose_old_pods_finish_their_jobs(tmp_path: Path) -> None:
    found = preview(tmp_path, images__worker={"tag": "0.2.0-cuda"})
    assert (found.verdict, found.extra_gpus, found.extra_gpus_at_most) == (
        Verdict.SECOND_CLUSTER,
        8,
        32,
    )
    assert found.drain is not None
    assert (found.drain.begins_after_s, found.drain.at_most_s) == (600 + 1020, 1020)
    assert found.notes == ()
