from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from telecine_platform.errors import InvalidRequest, NotFound, PlanError
from telecine_serve.cli.plan import plan

_A14B = ("--model", "wan2.2-t2v-a14b", "--gpu-memory", "80")


def _run(*arguments: str) -> str:
    return CliRunner().invoke(plan, arguments, catch_exceptions=False).output


def test_plan_is_told_as_json_with_its_parts() -> None:
    report = json.loads(_run(*_A14B, "--gpus", "8", "--size", "1280x720", "--json"))

    assert report["axes"] == {"cfg_size": 2, "sp_size": 4, "tp_size": 1}
    assert report["memory"]["total_bytes"] < 80e9
    assert report["sent_per_step"]["sp_bytes"] > 0
    assert report["step_s"] * 40 < report["clip_s"]
    assert {"axes", "reason"} == set(report["rejected"][0])


def test_plan_is_told_in_words() -> None:
    output = _run(*_A14B, "--gpus", "2", "--seconds", "5")

    assert "cfg2 x sp1 x tp1" in output
    assert "one expert at a time" in output
    assert "s per clip" in output


def test_plan_says_what_streamed_weights_cost() -> None:
    arguments = ("--model", "wan2.2-t2v-a14b", "--gpus", "1", "--gpu-memory", "24")
    words = " ".join(_run(*arguments).split())
    report = json.loads(_run(*arguments, "--json"))

    assert "each step a rank copies 57 GB to its GPU, block by block" in words
    assert report["placement"]["are_weights_streamed"]
    assert report["sent_per_step"]["bus_bytes"] > 57e9


def test_node_without_memory_for_what_waits_gets_another_plan() -> None:
    arguments = (*_A14B, "--gpus", "8", "--size", "1280x720", "--json")
    plenty, short = (json.loads(_run(*arguments, *more)) for more in ((), ("--node-memory", "400")))

    assert not plenty["placement"]["are_all_experts_resident"]
    assert plenty["host_bytes"] > 400e9
    assert short["placement"]["are_all_experts_resident"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((*_A14B, "--gpus", "2", "--size", "large"), InvalidRequest),
        (("--model", "unheard-of", "--gpus", "2", "--gpu-memory", "80"), NotFound),
        (("--model", "wan2.2-t2v-a14b", "--gpus", "1", "--gpu-memory", "8"), PlanError),
    ],
)
def test_what_cannot_be_planned_raises(arguments: tuple[str, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        _run(*arguments)
