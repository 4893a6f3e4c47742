"""What counts as a contradiction between two grants, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from telecine_platform.errors import IllegalTransition
from telecine_platform.rights.rules import LEGAL_STATUS, check_status, do_overlap
from telecine_safeguards.registry.entities import EntityStatus
from tests.records import at
from tests.rights_records import grant


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({}, {}, True),
        ({}, {"tenant_id": "b"}, False),
        ({}, {"entity_id": "b"}, False),
        ({}, {"uses": ("poster",)}, False),
        ({"uses": ("poster", "video")}, {}, True),
        ({"regions": ("EU",)}, {"regions": ("US",)}, False),
        ({"regions": ("EU",)}, {"regions": ("eu", "US")}, True),
        ({"regions": ("EU",)}, {}, True),
        ({"ends_at": at(5)}, {"starts_at": at(5)}, False),
        ({"ends_at": at(6)}, {"starts_at": at(5)}, True),
        ({"revoked_at": at(1)}, {}, False),
    ],
)
def test_two_grants_overlap_when_one_use_would_have_two_prices(
    one: dict[str, Any], other: dict[str, Any], overlap: bool
) -> None:
    pair = grant(id="a", **one), grant(id="b", **other)
    assert do_overlap(*pair) is overlap
    assert do_overlap(*reversed(pair)) is overlap


@pytest.mark.parametrize("old", EntityStatus)
@pytest.mark.parametrize("new", EntityStatus)
def test_only_listed_status_changes_are_legal(old: EntityStatus, new: EntityStatus) -> None:
    if new in LEGAL_STATUS[old]:
        check_status("zorbulon", old, new)
    else:
        with pytest.raises(IllegalTransition, match=f"is {old} and cannot become {new}"):
            check_status("zorbulon", old, new)
