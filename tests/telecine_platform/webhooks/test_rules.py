"""When a delivery is tried again, and signatures as the specification's own library checks them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import OpenAI
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from telecine_platform.records import JobState
from telecine_platform.webhooks.records import DeliveryState
from telecine_platform.webhooks.rules import (
    DELAYS_S,
    JITTER,
    event_from_state,
    outcome_of_attempt,
)
from telecine_platform.webhooks.sign import new_secret, signed_headers

BODY = b'{"type": "video.completed"}'


@pytest.mark.parametrize("state", list(JobState))
def test_every_final_state_is_told_and_no_other(state: JobState) -> None:
    told = {"completed": "video.completed", "blocked": "video.failed", "failed": "video.failed"}
    told |= {"cancelled": "video.failed", "withdrawn": "video.withdrawn"}
    assert event_from_state(state) == told.get(state.value)


@given(
    attempt=st.integers(1, len(DELAYS_S)),
    status=st.none() | st.integers(100, 599),
    chance=st.floats(0, 1),
)
def test_an_attempt_is_delivered_dead_or_tried_again_later(
    attempt: int, status: int | None, chance: float
) -> None:
    outcome = outcome_of_attempt(attempt, status, chance)
    if status is not None and 200 <= status < 300:
        assert outcome.state is DeliveryState.DELIVERED
    elif status == 410:
        assert outcome.state is DeliveryState.DEAD
    else:
        assert outcome.state is DeliveryState.PENDING
        assert abs(outcome.delay_s / DELAYS_S[attempt - 1] - 1) <= JITTER + 1e-9


def test_attempts_end_after_more_than_a_day() -> None:
    assert outcome_of_attempt(len(DELAYS_S) + 1, 500, 0.5).state is DeliveryState.DEAD
    assert sum(DELAYS_S) > 24 * 3_600


def test_the_specifications_own_library_and_openais_sdk_take_our_signature() -> None:
    secret = new_secret()
    headers = signed_headers("evt_1", datetime.now(UTC), BODY, [secret])
    assert Webhook(secret).verify(BODY, headers) == {"type": "video.completed"}
    OpenAI(api_key="unused").webhooks.verify_signature(BODY, headers, secret=secret)


def test_during_a_rotation_both_secrets_verify() -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers("evt_1", datetime.now(UTC), BODY, [new, old])
    for secret in (old, new):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


@pytest.mark.parametrize(
    ("message_id", "body", "age_s"), [("evt_2", BODY, 0), ("evt_1", b"{}", 0), ("evt_1", BODY, 600)]
)
def test_a_changed_or_recorded_message_does_not_verify(
    message_id: str, body: bytes, age_s: int
) -> None:
    secret = new_secret()
    signed_at = datetime.now(UTC) - timedelta(seconds=age_s)
    headers = signed_headers("evt_1", signed_at, BODY, [secret]) | {"webhook-id": message_id}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, headers)
