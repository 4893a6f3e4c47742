"""Whether a tenant may add a job now, and what the store keeps of that decision. Pure rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from telecine_platform.errors import InvalidRequest, TooManyRequests
from telecine_platform.records import JobTerms
from telecine_platform.scheduling.refusals import check_refusals
from telecine_platform.scheduling.tenants import TenantPolicy

FLEX_PRIORITY = -1
"""Of `service_tier: flex`: after everybody who pays for a place."""
_RUN_MARGIN = 1.25
"""A deadline presses this many run times before it, so that a slow clip still makes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """How a job stands in the generation queue (`order.QueuedJob`), and its tenant's policy."""

    price_gpu_s: float = 0.0
    priority: int = 0
    start_by: datetime | None = None
    overdue_at: datetime | None = None
    weight: float = 1.0
    max_running_gpu_s: float | None = None


UNPRICED = Admission()
"""First come, first served: what a store without a price list keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a tenant has and had, by the prices of its jobs and the time of its finished ones."""

    num_submits_in_minute: int = 0
    queued_gpu_s: float = 0.0
    running_gpu_s: float = 0.0
    used_today_gpu_s: float = 0.0
    refusal_level: float = 0.0


def admission_from_terms(
    terms: JobTerms,
    policy: TenantPolicy,
    *,
    price_gpu_s: float,
    num_gpus: int,
    ageing_s: float,
    now: datetime,
) -> Admission:
    """The job's place: its priority as far as the tenant may, its deadline less its own time."""
    is_flex = terms.service_tier == "flex"
    run_s = price_gpu_s / num_gpus
    start_by = None
    if terms.deadline_at is not None:
        start_by = terms.deadline_at - timedelta(seconds=_RUN_MARGIN * run_s)
    return Admission(
        price_gpu_s=price_gpu_s,
        priority=FLEX_PRIORITY if is_flex else min(terms.priority, policy.highest_priority),
        start_by=start_by,
        overdue_at=now + timedelta(seconds=ageing_s),
        weight=policy.weight,
        max_running_gpu_s=policy.running_gpu_s,
    )


def check_quotas(
    policy: TenantPolicy, usage: Usage, *, price_gpu_s: float, num_gpus: int, now: datetime
) -> None:
    """Raise `TooManyRequests` when a quota has no room for the job, `InvalidRequest` when it
    never will. A tenant's running jobs are bounded where they are claimed: the others wait.
    """
    check_refusals(usage.refusal_level, policy.refusals_per_hour)
    per_minute = policy.submits_per_minute
    if per_minute is not None and usage.num_submits_in_minute >= per_minute:
        raise TooManyRequests(
            f"{usage.num_submits_in_minute} videos were asked for within a minute; "
            f"the quota is {per_minute:g}",
            code="rate_limit_exceeded",
            retry_after_s=60.0 / per_minute,
        )
    active_gpu_s = usage.queued_gpu_s + usage.running_gpu_s
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    for name, limit_gpu_s, taken_gpu_s, retry_after_s in (
        (
            "waiting",
            policy.queued_gpu_s,
            usage.queued_gpu_s,
            price_gpu_s / num_gpus,
        ),
        (
            "daily",
            policy.daily_gpu_s,
            usage.used_today_gpu_s + active_gpu_s,
            (midnight - now).total_seconds(),
        ),
    ):
        if limit_gpu_s is None or taken_gpu_s + price_gpu_s <= limit_gpu_s:
            continue
        if price_gpu_s > limit_gpu_s:
            raise InvalidRequest(
                f"this video costs about {price_gpu_s:.1f} GPU-seconds, more than the {name} quota "
                f"of {limit_gpu_s:g}: ask for a smaller or shorter one",
                param="size",
                code="quota_too_small",
            )
        raise TooManyRequests(
            f"the {name} quota of {limit_gpu_s:g} GPU-seconds has {taken_gpu_s:.1f} taken; "
            f"this video costs about {price_gpu_s:.1f}",
            code="quota_exceeded",
            retry_after_s=retry_after_s,
        )


def check_wait(predicted_wait_s: float, max_wait_s: float) -> None:
    """Raise `TooManyRequests` when the job would wait longer for a gang than anybody shall."""
    if predicted_wait_s > max_wait_s:
        raise TooManyRequests(
            f"the queue is full: this video would wait about {predicted_wait_s:.0f} s, "
            f"at most {max_wait_s:g} s are allowed",
            code="queue_full",
            retry_after_s=predicted_wait_s - max_wait_s,
        )
