"""The tenants' endpoints. A secret leaves here twice: to its owner when it is made, and to sign."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from telecine_platform.errors import InvalidRequest, NotFound
from telecine_platform.jobs.database import Database, one_page
from telecine_platform.webhooks.records import Endpoint, EventType
from telecine_platform.webhooks.sign import new_secret
from telecine_platform.webhooks.tables import webhook_endpoints
from telecine_platform.webhooks.vault import Vault

MAX_ENDPOINTS = 20
"""Of one tenant: each multiplies what every job of it costs us."""
OLD_SECRET_S = 86_400.0
"""How long a rotated secret goes on signing, where its owner wants it to."""
_table = webhook_endpoints


class Endpoints:
    """Endpoints in the jobs' database. Another tenant's is as unknown as one that never was."""

    def __init__(self, database: Database, open_vault: Callable[[], Vault]) -> None:
        """`open_vault` is called when a secret is sealed or used, and may raise."""
        self._database = database
        self._open_vault = open_vault

    def create(
        self,
        *,
        tenant_id: str,
        name: str,
        url: str,
        event_types: Sequence[EventType],
        now: datetime,
    ) -> tuple[Endpoint, str]:
        """Store an endpoint; returns it and its secret, which nobody can ask for again."""
        secret = new_secret()
        count = sa.select(sa.func.count()).where(_table.c.tenant_id == tenant_id)
        with self._database.write() as connection:
            if connection.execute(count).scalar_one() >= MAX_ENDPOINTS:
                raise InvalidRequest(
                    f"there are {MAX_ENDPOINTS} endpoints already: delete one first",
                    code="too_many_endpoints",
                )
            row = connection.execute(
                sa.insert(_table)
                .values(
                    id=f"whep_{int(now.timestamp() * 1000):012x}{secrets.token_hex(6)}",
                    tenant_id=tenant_id,
                    name=name,
                    url=url,
                    event_types=list(event_types),
                    secret=self._open_vault().seal(secret),
                    created_at=now,
                    updated_at=now,
                )
                .returning(_table)
            ).one()
        return _endpoint_from_row(row), secret

    def get(self, endpoint_id: str, tenant_id: str) -> Endpoint:
        with self._database.read() as connection:
            return _endpoint_from_row(_row(connection, endpoint_id, tenant_id))

    def list_endpoints(
        self, tenant_id: str, *, limit: int, after: str | None = None
    ) -> tuple[list[Endpoint], bool]:
        """One page, oldest first, and whether there are more."""
        query = sa.select(_table).where(_table.c.tenant_id == tenant_id)
        if after is not None:
            query = query.where(_table.c.id > after)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_table.c.id).limit(limit + 1)).all()
        return one_page([_endpoint_from_row(row) for row in rows], limit)

    def update(
        self,
        endpoint_id: str,
        tenant_id: str,
        *,
        name: str | None,
        url: str | None,
        event_types: Sequence[EventType] | None,
        now: datetime,
    ) -> Endpoint:
        """Change what is given, and turn a disabled endpoint on again."""
        given = {"name": name, "url": url, "event_types": event_types and list(event_types)}
        values = {key: value for key, value in given.items() if value is not None}
        return self._change(
            endpoint_id, tenant_id, values | {"updated_at": now, "disabled_at": None}
        )

    def rotate_secret(
        self, endpoint_id: str, tenant_id: str, *, keep_old: bool, now: datetime
    ) -> tuple[Endpoint, str]:
        """A new secret; with `keep_old` the one before it signs too, for `OLD_SECRET_S`."""
        secret = new_secret()
        values: dict[str, Any] = {  # Any: column values
            "secret": self._open_vault().seal(secret),
            "old_secret": _table.c.secret if keep_old else None,
            "old_secret_ends_at": now + timedelta(seconds=OLD_SECRET_S) if keep_old else None,
            "updated_at": now,
        }
        return self._change(endpoint_id, tenant_id, values), secret

    def delete(self, endpoint_id: str, tenant_id: str) -> None:
        """Forget the endpoint; what is on its way to it is given up."""
        with self._database.write() as connection:
            _row(connection, endpoint_id, tenant_id)
            connection.execute(sa.delete(_table).where(_table.c.id == endpoint_id))

    def disable(self, endpoint_id: str, now: datetime) -> None:
        """Send nothing more to it until its owner changes it."""
        with self._database.write() as connection:
            connection.execute(
                sa.update(_table).where(_table.c.id == endpoint_id).values(disabled_at=now)
            )

    def receiver(self, endpoint_id: str, tenant_id: str, now: datetime) -> tuple[str, list[str]]:
        """The URL and the secrets to sign with, the newest first. For the deliverer alone."""
        with self._database.read() as connection:
            row = _row(connection, endpoint_id, tenant_id)
        sealed = [row.secret]
        if row.old_secret is not None and row.old_secret_ends_at > now:
            sealed.append(row.old_secret)
        vault = self._open_vault()
        return row.url, [vault.open(each) for each in sealed]

    def _change(self, endpoint_id: str, tenant_id: str, values: dict[str, Any]) -> Endpoint:
        with self._database.write() as connection:
            _row(connection, endpoint_id, tenant_id)
            row = connection.execute(
                sa.update(_table).where(_table.c.id == endpoint_id).values(values).returning(_table)
            ).one()
            return _endpoint_from_row(row)


def _row(connection: sa.Connection, endpoint_id: str, tenant_id: str) -> sa.Row[Any]:
    query = sa.select(_table).where(_table.c.id == endpoint_id, _table.c.tenant_id == tenant_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no webhook endpoint {endpoint_id!r}: it was deleted, or never was one")
    return row


def _endpoint_from_row(row: sa.Row[Any]) -> Endpoint:
    return Endpoint(
        id=row.id,
        tenant_id=row.tenant_id,
        name=row.name,
        url=row.url,
        event_types=tuple(EventType(name) for name in row.event_types),
        created_at=row.created_at,
        updated_at=row.updated_at,
        disabled_at=row.disabled_at,
    )
