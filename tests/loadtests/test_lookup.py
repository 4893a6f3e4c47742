"""The load test of the look-up goes through all of it, and tells copies from strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.lookup import look_up_all, result_from_rows


@pytest.mark.slow
def test_copy_leads_to_its_record_among_others_and_a_stranger_to_none(tmp_path: Path) -> None:
    result = result_from_rows(look_up_all(tmp_path, 40, 1, for_s=120))

    assert (result["right"]["num"], result["right"]["n"]) == (1, 1)
    assert (result["strangers_found"]["num"], result["strangers_found"]["n"]) == (0, 1)
    assert result["missed"] == []
