"""How good and how fast prompt screening is: `python -m loadtests.screening --help`.

Every number comes with its n and a Wilson 95 % interval. The thresholds are fixed in
telecine_safeguards.prompt.calibration; this only measures, on our development sets.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from loadtests.screening_attack import QUOTAS, bypass_curve, bypasses_a_day, queries_needed
from loadtests.screening_baselines import substring, threshold
from loadtests.screening_fit import fit, report
from loadtests.screening_score import Outcome, Row, rows_from_outcomes
from loadtests.screening_sets import (
    Case,
    benign_cases,
    described_cases,
    harm_cases,
    held_out_cases,
    named_cases,
    near_miss_cases,
    translated_cases,
)
from loadtests.screening_speed import measure
from telecine_safeguards.prompt.embed import Embed, RememberedEmbed
from telecine_safeguards.prompt.screen import PromptScreen
from telecine_safeguards.registry.load import starter_registry
from telecine_safeguards.verdict import Action
from telecine_serve.screening.minilm import MiniLM
from telecine_serve.screening.multilingual import Multilingual
from telecine_serve.screening.stored import StoredEmbed

NUM_ATTACKED = 60


def main() -> int:
    """Measure what the arguments ask for."""
    arguments = _arguments()
    torch.set_num_threads(1)
    registry, embed = starter_registry(), MiniLM()
    if arguments.fit:
        cases = [*described_cases(registry), *near_miss_cases(), *benign_cases()]
        print(report(fit(registry, embed, cases)))
        return 0
    foreign = Multilingual()
    screen = PromptScreen(
        registry,
        embed=_remembered(embed, arguments.rows, "english"),
        embed_foreign=_remembered(foreign, arguments.rows, "foreign"),
    )
    described = list(described_cases(registry))
    benign = list(benign_cases())[:: arguments.every]
    named = list(named_cases(registry, arguments.names))
    others = [*held_out_cases(registry), *translated_cases(registry)]
    cases = [*named, *described, *others, *near_miss_cases(), *harm_cases(), *benign]
    result: dict[str, Any] = {  # Any: becomes JSON
        "registry": registry.version,
        "screen": rows_from_outcomes(_outcomes(screen, cases)),
    }
    if not arguments.no_baselines:
        result["substring"] = rows_from_outcomes(substring(registry, cases))
        unnamed = [case for case in cases if not case.group.startswith("named")]
        result["threshold"] = rows_from_outcomes(threshold(registry, embed, unnamed))
    if arguments.attack:
        result["attack"] = _attacks(screen, named, described)
    if arguments.speed:
        prompts = [case.prompt for case in benign[:: max(1, len(benign) // 400)]]
        result["speed"] = [
            measure(registry, embed, foreign, prompts, size) for size in arguments.speed
        ]
    _show(result, as_json=arguments.json)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--names", type=int, default=400, help="names for each evasion")
    parser.add_argument("--every", type=int, default=1, help="take every n-th benign prompt")
    parser.add_argument("--attack", action="store_true", help="measure the adaptive attacker")
    parser.add_argument(
        "--speed", type=int, nargs="+", metavar="N", help="measure registries of N entities"
    )
    parser.add_argument(
        "--rows", type=Path, help="a folder that keeps the cards' rows between runs"
    )
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--fit", action="store_true", help="fit the calibration and print it")
    return parser.parse_args()


def _remembered(model: Embed, folder: Path | None, name: str) -> RememberedEmbed:
    if folder is None:
        return RememberedEmbed(model)
    return StoredEmbed(model, folder / f"{name}.npz")


def _outcomes(screen: PromptScreen, cases: Sequence[Case]) -> list[Outcome]:
    outcomes = []
    for first in range(0, len(cases), 64):
        part = cases[first : first + 64]
        verdicts = screen.screen_many([(case.prompt, "") for case in part])
        for case, verdict in zip(part, verdicts, strict=True):
            ids = tuple(each.entity_id for each in verdict.findings if each.entity_id is not None)
            outcomes.append(
                Outcome(
                    case=case,
                    is_stopped=verdict.action is not Action.ALLOW,
                    is_blocked=verdict.is_block,
                    found=ids,
                )
            )
    return outcomes


def _attacks(
    screen: PromptScreen, named: Sequence[Case], described: Sequence[Case]
) -> dict[str, dict[str, object]]:
    def is_stopped(prompt: str) -> bool:
        return screen.screen(prompt=prompt, negative_prompt="").action is not Action.ALLOW

    plain = [case for case in named if case.group == "named/plain"][:NUM_ATTACKED]
    long = [case for case in described if case.group == "described/long"][:NUM_ATTACKED]
    result: dict[str, dict[str, object]] = {}
    for label, cases in (("named", plain), ("described", long)):
        needed = queries_needed(cases, is_stopped)
        result[label] = {
            "within_queries": {step: each.as_json() for step, each in bypass_curve(needed).items()},
            "a_day_by_refusals_per_hour": {
                str(quota): bypasses_a_day(needed, quota) for quota in QUOTAS
            },
        }
    return result


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result, default=lambda value: value.as_json(), ensure_ascii=False))
        return
    for label, value in result.items():
        print(f"\n{label}")
        for row in value if isinstance(value, list) else [value]:
            print(f"  {_line(row)}" if isinstance(row, Row) else f"  {row}")


def _line(row: Row) -> str:
    low, high = row.stopped.interval
    right = f"{row.right.share:7.1%}" if row.right.of else "      -"
    return (
        f"{row.group:34} n={row.stopped.of:5}  any action {row.stopped.share:7.2%}"
        f" [{low:.2%}, {high:.2%}]  blocked {row.blocked.share:7.2%}  right entity {right}"
    )


if __name__ == "__main__":
    sys.exit(main())
