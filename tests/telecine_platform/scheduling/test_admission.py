from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine_platform.errors import InvalidRequest, TooManyRequests
from telecine_platform.records import JobTerms
from telecine_platform.scheduling.admission import (
    Usage,
    admission_from_terms,
    check_quotas,
    check_wait,
)
from telecine_platform.scheduling.tenants import TenantPolicy
from tests.records import at


def refusal(policy: TenantPolicy, usage: Usage, price: float = 10.0) -> TooManyRequests | None:
    try:
        check_quotas(policy, usage, price_gpu_s=price, num_gpus=2, now=at(0))
    except TooManyRequests as error:
        return error
    return None


@pytest.mark.parametrize(
    ("policy", "usage", "code", "retry_after_s"),
    [
        (TenantPolicy(), Usage(num_submits_in_minute=999, queued_gpu_s=1e9), None, 0),
        (TenantPolicy(submits_per_minute=6), Usage(num_submits_in_minute=5), None, 0),
        (
            TenantPolicy(submits_per_minute=6),
            Usage(num_submits_in_minute=6),
            "rate_limit_exceeded",
            10,
        ),
        (TenantPolicy(queued_gpu_s=30), Usage(queued_gpu_s=20, running_gpu_s=99), None, 0),
        (TenantPolicy(queued_gpu_s=30), Usage(queued_gpu_s=21), "quota_exceeded", 5),
        (TenantPolicy(daily_gpu_s=30), Usage(used_today_gpu_s=20), None, 0),
        (
            TenantPolicy(daily_gpu_s=30),
            Usage(used_today_gpu_s=10, running_gpu_s=10, queued_gpu_s=1),
            "quota_exceeded",
            12 * 3600,  # the tests' clock starts at noon
        ),
    ],
)
def test_quotas(policy: TenantPolicy, usage: Usage, code: str | None, retry_after_s: float) -> None:
    error = refusal(policy, usage)
    assert (error.code if error else None) == code
    if error is not None:
        assert error.retry_after_s == retry_after_s


@given(prices=st.lists(st.floats(0.1, 40), max_size=30), limit=st.floats(40, 200))
def test_what_is_let_in_never_exceeds_the_quota(prices: list[float], limit: float) -> None:
    policy, queued = TenantPolicy(queued_gpu_s=limit), 0.0
    for price in prices:
        if refusal(policy, Usage(queued_gpu_s=queued), price) is None:
            queued += price
    assert queued <= limit


def test_a_video_above_the_whole_quota_is_not_asked_to_come_back() -> None:
    with pytest.raises(InvalidRequest, match="smaller or shorter"):
        check_quotas(TenantPolicy(daily_gpu_s=5), Usage(), price_gpu_s=10, num_gpus=1, now=at(0))


def test_a_full_queue_says_when_to_come_back() -> None:
    check_wait(100, max_wait_s=100)
    with pytest.raises(TooManyRequests, match="would wait about 130 s") as caught:
        check_wait(130, max_wait_s=100)
    assert caught.value.retry_after_s == 30


def test_terms_are_cut_down_to_what_the_tenant_may() -> None:
    policy = TenantPolicy(weight=2.0, highest_priority=3, running_gpu_s=50)
    terms = JobTerms(priority=9, deadline_at=at(100))
    admission = admission_from_terms(
        terms, policy, price_gpu_s=40, num_gpus=2, ageing_s=60, now=at(0)
    )
    assert (admission.priority, admission.weight, admission.max_running_gpu_s) == (3, 2.0, 50)
    assert admission.start_by == at(100) - timedelta(seconds=25)  # its 20 s and a quarter more
    assert admission.overdue_at == at(60)


def test_flex_jobs_stand_behind_all_others() -> None:
    admission = admission_from_terms(
        JobTerms(service_tier="flex", priority=9),
        TenantPolicy(),
        price_gpu_s=1,
        num_gpus=1,
        ageing_s=60,
        now=at(0),
    )
    assert admission.priority < 0
