"""The outbox: deliveries that are due, taken by any number of deliverers at once.

Invariant: who takes a delivery raises its attempt and moves its due time on; whoever writes an
outcome says which attempt it was. A deliverer that dies loses its hold when that time has come.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import IllegalTransition, NotFound
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.webhooks.records import Delivery, DeliveryState
from telecine_platform.webhooks.rules import Outcome
from telecine_platform.webhooks.tables import webhook_deliveries

HOLD_S = 60.0
"""How long a deliverer has for an attempt; well above a request's own time limit."""
KEEP_S = 30 * 86_400.0
"""How long ended deliveries can be looked at and replayed."""
_PRUNE_BATCH = 1_000
_table = webhook_deliveries


class Deliveries:
    """Deliveries in the jobs' database. Raises `StoreUnavailable` when it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_due(
        self, now: datetime, *, limit: int, busy_tenants: Collection[str] = ()
    ) -> list[Delivery]:
        """Take deliveries for one attempt each, the longest due first."""
        due = (
            sa.select(_table.c.id)
            .where(_table.c.state == DeliveryState.PENDING, _table.c.due_at <= now)
            .order_by(_table.c.due_at)
            .limit(limit)
        )
        if busy_tenants:
            due = due.where(_table.c.tenant_id.not_in(busy_tenants))
        with self._database.read() as connection:  # on SQLite looking needs no write lock
            if connection.execute(due.limit(1)).first() is None:
                return []
        with self._database.write() as connection:
            ids = connection.execute(due.with_for_update(skip_locked=True)).scalars().all()
            rows = connection.execute(
                sa.update(_table)
                .where(_table.c.id.in_(ids))
                .values(attempt=_table.c.attempt + 1, due_at=now + timedelta(seconds=HOLD_S))
                .returning(_table)
            )
            return [_delivery_from_row(row) for row in rows]

    def settle(
        self,
        delivery: Delivery,
        outcome: Outcome,
        *,
        status_code: int | None,
        problem: str | None,
        now: datetime,
    ) -> None:
        """Write down how an attempt went; nothing, if the delivery was taken again meanwhile."""
        is_ended = outcome.state is not DeliveryState.PENDING
        with self._database.write() as connection:
            connection.execute(
                sa.update(_table)
                .where(
                    _table.c.id == delivery.id,
                    _table.c.attempt == delivery.attempt,
                    _table.c.state == DeliveryState.PENDING,
                )
                .values(
                    state=outcome.state,
                    due_at=now + timedelta(seconds=outcome.delay_s),
                    ended_at=now if is_ended else None,
                    status_code=status_code,
                    problem=None if problem is None else problem[:300],
                )
            )

    def replay(self, delivery_id: str, tenant_id: str, now: datetime) -> Delivery:
        """Send it again, with the same id, as if for the first time.

        Raises `NotFound`, and `IllegalTransition` for one that is still on its way.
        """
        with self._database.write() as connection:
            found = _delivery_from_row(_row(connection, delivery_id, tenant_id, lock=True))
            if found.state is DeliveryState.PENDING:
                raise IllegalTransition(f"delivery {delivery_id} is on its way already")
            row = connection.execute(
                sa.update(_table)
                .where(_table.c.id == delivery_id)
                .values(state=DeliveryState.PENDING, attempt=0, due_at=now, ended_at=None)
                .returning(_table)
            ).one()
            return _delivery_from_row(row)

    def get(self, delivery_id: str, tenant_id: str) -> Delivery:
        with self._database.read() as connection:
            return _delivery_from_row(_row(connection, delivery_id, tenant_id))

    def list_deliveries(
        self,
        tenant_id: str,
        *,
        limit: int,
        after: str | None = None,
        state: DeliveryState | None = None,
        endpoint_id: str | None = None,
    ) -> tuple[list[Delivery], bool]:
        """One page, newest first, and whether there are more."""
        query = sa.select(_table).where(_table.c.tenant_id == tenant_id)
        if after is not None:
            query = query.where(_table.c.id < after)
        if state is not None:
            query = query.where(_table.c.state == state)
        if endpoint_id is not None:
            query = query.where(_table.c.endpoint_id == endpoint_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_table.c.id.desc()).limit(limit + 1)).all()
        return one_page([_delivery_from_row(row) for row in rows], limit)

    def prune(self, now: datetime) -> int:
        """Forget a batch of what ended long ago; returns how many."""
        old = (
            sa.select(_table.c.id)
            .where(_table.c.ended_at < now - timedelta(seconds=KEEP_S))
            .limit(_PRUNE_BATCH)
        )
        with self._database.write() as connection:
            return connection.execute(sa.delete(_table).where(_table.c.id.in_(old))).rowcount


def _row(
    connection: sa.Connection, delivery_id: str, tenant_id: str, *, lock: bool = False
) -> sa.Row[Any]:  # Any: SQLAlchemy types a whole-table row so
    query = sa.select(_table).where(_table.c.id == delivery_id, _table.c.tenant_id == tenant_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(f"no webhook delivery {delivery_id!r}: it is forgotten, or never was one")
    return row


def _delivery_from_row(row: sa.Row[Any]) -> Delivery:
    return Delivery(**row._asdict() | {"state": DeliveryState(row.state)})
