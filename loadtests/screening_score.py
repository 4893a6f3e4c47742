"""Counts what became of the cases: shares with their number and a Wilson 95 % interval."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtests.screening_sets import Case

Z_95 = 1.959964
"""The normal quantile of 97.5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a system did with one case."""

    case: Case
    is_stopped: bool
    """Any action but allow."""
    is_blocked: bool
    found: tuple[str, ...]
    """Ids of the entities that it saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many of how many."""

    num: int
    of: int

    @property
    def share(self) -> float:
        return self.num / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """E. B. Wilson, J. Am. Stat. Assoc. 22(158), 1927."""
        if not self.of:
            return 0.0, 1.0
        centre = self.share + Z_95**2 / (2 * self.of)
        width = Z_95 * (
            (self.share * (1 - self.share) / self.of + Z_95**2 / (4 * self.of**2)) ** 0.5
        )
        scale = 1 + Z_95**2 / self.of
        return max(0.0, (centre - width) / scale), min(1.0, (centre + width) / scale)

    def as_json(self) -> dict[str, object]:
        return {"num": self.num, "n": self.of, "share": self.share, "wilson95": self.interval}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the report."""

    group: str
    stopped: Share
    blocked: Share
    right: Share
    """Of the stopped ones that should be, how many with the right entity among those found."""

    def as_json(self) -> dict[str, object]:
        return {
            "group": self.group,
            "stopped": self.stopped.as_json(),
            "blocked": self.blocked.as_json(),
            "right_entity": self.right.as_json(),
        }


def rows_from_outcomes(outcomes: Iterable[Outcome]) -> list[Row]:
    """Group by the case's group, its first part, and by kind."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        case = outcome.case
        top = case.group.partition("/")[0]
        names = [case.group] if top == case.group else [case.group, f"{top}/all"]
        if case.kind and top != "harm":
            names.append(f"{top}/kind={case.kind}")
        for name in names:
            groups.setdefault(name, []).append(outcome)
    return [_row(name, members) for name, members in groups.items()]


def _row(name: str, members: list[Outcome]) -> Row:
    stopped = [each for each in members if each.is_stopped]
    right = [each for each in stopped if each.case.entity_id in each.found]
    expected = [each for each in stopped if each.case.entity_id is not None]
    return Row(
        group=name,
        stopped=Share(num=len(stopped), of=len(members)),
        blocked=Share(num=sum(each.is_blocked for each in members), of=len(members)),
        right=Share(num=len(right), of=len(expected)),
    )
