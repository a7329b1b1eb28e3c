"""Clients' webhooks in Postgres."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from order_engine.domain.errors import TooManyWebhooks, WebhookExists, WebhookNotFound
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import Delivery, DeliveryState, Webhook
from order_engine.storage.database import Database
from order_engine.storage.statuses import NOT_ENDED

# One registration of a client at a time. New orders of the client, which refer to this row, do not wait.
_LOCK = "SELECT id FROM clients WHERE id = %(client)s FOR NO KEY UPDATE"

_COUNT = """
    SELECT count(*) AS count, count(*) FILTER (WHERE url = %(url)s) AS same, EXISTS (SELECT FROM webhooks) AS any,
           now() AS now
    FROM webhooks WHERE client_id = %(client)s"""

# The orders that have not ended are followed from their next event. Those that are not committed yet count as new.
_ADD = f"""
    WITH added AS (
        INSERT INTO webhooks (id, client_id, url, secret, statuses)
        VALUES (%(id)s, %(client)s, %(url)s, %(secret)s, %(statuses)s)
        RETURNING id
    )
    INSERT INTO deliveries (webhook_id, order_id, seq)
    SELECT added.id, orders.id, orders.seq FROM added, orders WHERE client_id = %(client)s AND {NOT_ENDED}"""

_LIST = """
    SELECT id, url, statuses, created_at, failures,
           count(*) FILTER (WHERE state = 'waiting' AND attempts > 0) AS waiting,
           count(*) FILTER (WHERE state = 'parked') AS parked
    FROM webhooks LEFT JOIN deliveries ON webhook_id = id WHERE client_id = %(client)s GROUP BY id ORDER BY id"""

_DELETE = "DELETE FROM webhooks WHERE id = %(id)s AND client_id = %(client)s RETURNING id"

_OWNED = "SELECT id FROM webhooks WHERE id = %(id)s AND client_id = %(client)s"

_DELIVERIES = """
    SELECT order_id, state, seq, attempts, error, failing_since, next_at, updated_at FROM deliveries
    WHERE webhook_id = %(id)s AND state = coalesce(%(state)s, state)
    ORDER BY updated_at DESC, order_id LIMIT %(limit)s"""

# What is due within two minutes may be a claim, whose message is on its way.
_REDELIVER = """
    UPDATE deliveries SET state = 'waiting', next_at = now(), attempts = 0, failing_since = NULL, updated_at = now()
    WHERE webhook_id = %(id)s
        AND (state = 'parked' OR state = 'waiting' AND attempts > 0 AND next_at > now() + interval '2 minutes')
    RETURNING order_id"""


class PostgresWebhookStore:
    """A `WebhookStore`. Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, client_id: UUID, url: str, statuses: frozenset[Status] | None, secret: str, limit: int
    ) -> tuple[Webhook, bool]:
        id = uuid7()
        values = {
            "client": client_id,
            "id": id,
            "url": url,
            "secret": secret,
            "statuses": None if statuses is None else sorted(statuses),
        }
        with self._database.transaction((_LOCK, values)):
            (found,) = self._database.fetch(_COUNT, values)
            if found["same"]:
                raise WebhookExists(f"expected a URL without a webhook, was {url}")
            if found["count"] >= limit:
                raise TooManyWebhooks(f"more than {limit} webhooks")
            self._database.execute(_ADD, values)
        return Webhook(id, url, statuses, found["now"]), not found["any"]

    def of_client(self, client_id: UUID) -> list[Webhook]:
        return [_webhook(row) for row in self._database.fetch(_LIST, {"client": client_id})]

    def delete(self, client_id: UUID, id: UUID) -> None:
        if not self._database.fetch(_DELETE, {"client": client_id, "id": id}):
            raise _unknown(id)

    def deliveries(self, client_id: UUID, id: UUID, state: DeliveryState | None, limit: int) -> list[Delivery]:
        self._check(client_id, id)
        rows = self._database.fetch(_DELIVERIES, {"id": id, "state": state, "limit": limit})
        return [Delivery(**{**row, "state": DeliveryState(row["state"])}) for row in rows]

    def redeliver(self, client_id: UUID, id: UUID) -> int:
        self._check(client_id, id)
        return len(self._database.fetch(_REDELIVER, {"id": id}))

    def _check(self, client_id: UUID, id: UUID) -> None:
        if not self._database.fetch(_OWNED, {"client": client_id, "id": id}):
            raise _unknown(id)


def _unknown(id: UUID) -> WebhookNotFound:
    return WebhookNotFound(f"no webhook with id {id}")


def _webhook(row: dict[str, Any]) -> Webhook:
    statuses = row["statuses"]
    return Webhook(**{**row, "statuses": None if statuses is None else frozenset(map(Status, statuses))})
