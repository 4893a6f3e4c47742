"""The chart's README says what values.yaml says."""

from __future__ import annotations

from tests.helm.readme import README, current_readme, undocumented


def test_table_of_values_is_current() -> None:
    assert README.read_text() == current_readme(), "run: python -m tests.helm.readme"


def test_every_value_is_explained() -> None:
    assert undocumented() == []
