"""Owes the events of a job's change, in the transaction of that change: none is lost, and none is
sent for a change that did not happen.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from telecine_platform.records import JobState
from telecine_platform.webhooks.records import DeliveryState
from telecine_platform.webhooks.rules import event_from_state
from telecine_platform.webhooks.tables import webhook_deliveries, webhook_endpoints

TASK_CHANGED = "task.changed"
"""What a callback URL gets, in Ark's own shape: whenever the task runs, and when it ends."""


def owe_events(connection: sa.Connection, rows: Sequence[sa.Row[Any]], now: datetime) -> None:
    """Write down who has to be told that these jobs (as they are now) have changed.

    For `record_transitions`. A deleted job tells nobody anything.
    """
    endpoints: dict[str, list[sa.Row[Any]]] = {}
    owed: list[dict[str, object]] = []
    for row in rows:
        event_type = event_from_state(JobState(row.state))
        if row.deleted_at is not None:
            continue
        if event_type is not None:
            if row.tenant_id not in endpoints:
                endpoints[row.tenant_id] = _endpoints_of(connection, row.tenant_id)
            wanted = [each for each in endpoints[row.tenant_id] if event_type in each.event_types]
            owed += [_delivery(row, each.id, event_type, now) for each in wanted]
        is_first_claim = row.state == JobState.RUNNING and row.epoch == 1
        if "callback_url" in row.terms and (is_first_claim or event_type is not None):
            owed.append(_delivery(row, None, TASK_CHANGED, now))
    if owed:
        connection.execute(sa.insert(webhook_deliveries), owed)


def new_event_id(now: datetime) -> str:
    """`evt_`, milliseconds (so ids sort by time) and 20 hex digits of chance."""
    return f"evt_{int(now.timestamp() * 1000):012x}{secrets.token_hex(10)}"


def _endpoints_of(connection: sa.Connection, tenant_id: str) -> list[sa.Row[Any]]:
    table = webhook_endpoints
    query = sa.select(table.c.id, table.c.event_types).where(
        table.c.tenant_id == tenant_id, table.c.disabled_at.is_(None)
    )
    return list(connection.execute(query))


def _delivery(
    row: sa.Row[Any], endpoint_id: str | None, event_type: str, now: datetime
) -> dict[str, object]:
    return {
        "id": new_event_id(now),
        "tenant_id": row.tenant_id,
        "endpoint_id": endpoint_id,
        "event_type": event_type,
        "job_id": row.id,
        "state": DeliveryState.PENDING,
        "attempt": 0,
        "due_at": now,
        "created_at": now,
    }
