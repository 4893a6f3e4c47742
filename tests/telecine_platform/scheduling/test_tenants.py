from __future__ import annotations

from pathlib import Path

import pytest

from telecine_platform.errors import SettingsError
from telecine_platform.scheduling.tenants import TenantPolicy, load_tenants


def test_tenants_take_over_what_they_leave_out(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "default: {submits_per_minute: 10, highest_priority: 2}\n"
        "studio: {weight: 4, highest_priority: 9, daily_gpu_s: 3600}\n"
    )
    tenants = load_tenants(file)
    assert tenants.policy_of("studio") == TenantPolicy(
        weight=4, highest_priority=9, daily_gpu_s=3600, submits_per_minute=10
    )
    assert tenants.policy_of("somebody") == TenantPolicy(submits_per_minute=10, highest_priority=2)


def test_without_a_file_all_are_equal_and_unbounded() -> None:
    assert load_tenants(None).policy_of("anybody") == TenantPolicy()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("studio: {weight: 0}", "studio.weight: Input should be greater than 0"),
        ("studio: {wait: 1}", "studio.wait"),
        ("studio: {highest_priority: 10}", "less than or equal to 9"),
        ("- studio", "must map each tenant"),
        ("studio: {daily_gpu_s: .inf}", "finite"),
        ("a: [", "cannot be read"),
    ],
)
def test_a_wrong_file_stops_the_start(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_tenants(file)
