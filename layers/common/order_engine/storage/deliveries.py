"""How far the events of each order are delivered to each webhook, in Postgres.

A delivery is due at its `next_at`. A claim puts that off by a minute, so that nobody else takes it and a deliverer that
dies leaves it to another one. The claim's time is also its name: what is done with a claim that is out of date finds no
row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from order_engine.domain.webhooks import DeliveryState
from order_engine.ports import Claim
from order_engine.storage.database import Database
from order_engine.storage.statuses import ENDED

CLAIM_SECONDS = 60
"""For how long a claim is valid: longer than one message may take."""

AT_ONCE_OF_ONE = 4
"""How many orders' messages are sent to one webhook at the same time. One, if its last attempts have failed."""

FAILING = 3
"""How many attempts in a row have failed when a webhook counts as failing, for whichever orders."""

WAITING, DELIVERED, PARKED = (f"'{state}'" for state in DeliveryState)

_CLAIM = f"interval '{CLAIM_SECONDS} s'"

# The ids of orders begin with their time, by the clock of whoever submits them, and a transaction commits later.
_FOLLOW = """
    INSERT INTO deliveries (webhook_id, order_id)
    SELECT webhooks.id, orders.id FROM webhooks JOIN orders ON orders.client_id = webhooks.client_id
        AND orders.id >= (lpad(to_hex((extract(epoch FROM followed_at - interval '1 minute') * 1000)::bigint), 12, '0')
                          || repeat('0', 20))::uuid
        AND orders.created_at >= webhooks.created_at
    WHERE NOT EXISTS (SELECT FROM deliveries WHERE webhook_id = webhooks.id AND order_id = orders.id)
    ON CONFLICT DO NOTHING"""

# Seldom, since following a little too much costs less than a write.
_FOLLOWED = "UPDATE webhooks SET followed_at = now() WHERE followed_at < now() - interval '15 s'"

_FORGET = f"""
    DELETE FROM deliveries
    WHERE state = {DELIVERED} AND updated_at < now() - interval '1 day'
        OR state = {PARKED} AND updated_at < now() - interval '30 days'"""

_ANY = "SELECT EXISTS (SELECT FROM webhooks) AS any"

_TAKE = f"""
    WITH due AS (
        SELECT webhook_id, order_id, next_at, failures >= {FAILING} AS is_failing, coalesce(sent, 0) AS held,
               row_number() OVER (PARTITION BY webhook_id ORDER BY next_at, order_id) AS place
        FROM deliveries JOIN webhooks ON webhooks.id = webhook_id JOIN orders ON orders.id = order_id
            LEFT JOIN unnest(%(webhooks)s::uuid[], %(sending)s::integer[]) AS sending (id, sent)
                ON sending.id = webhook_id
        WHERE state = {WAITING} AND next_at <= now() AND orders.seq > deliveries.seq
    ), allowed AS (
        SELECT *, row_number() OVER (PARTITION BY is_failing ORDER BY next_at, order_id) AS turn
        FROM due WHERE held + place <= CASE WHEN is_failing THEN 1 ELSE {AT_ONCE_OF_ONE} END
    ), chosen AS (
        SELECT * FROM allowed WHERE NOT is_failing OR turn <= %(free_for_failing)s
        ORDER BY is_failing, next_at, order_id LIMIT %(free)s
    )
    UPDATE deliveries SET next_at = now() + {_CLAIM}
    FROM chosen, webhooks, orders
    WHERE deliveries.webhook_id = chosen.webhook_id AND deliveries.order_id = chosen.order_id
        AND deliveries.state = {WAITING} AND deliveries.next_at = chosen.next_at
        AND webhooks.id = chosen.webhook_id AND orders.id = chosen.order_id
    RETURNING deliveries.webhook_id, deliveries.order_id, url, secret, statuses, deliveries.seq,
              orders.seq AS last_seq, deliveries.attempts, is_failing, deliveries.next_at AS until,
              coalesce(extract(epoch FROM now() - failing_since), 0)::float8 AS failing_seconds"""

_HELD = "webhook_id = %(webhook)s AND order_id = %(order)s AND next_at = %(until)s"

_DELIVERED = f"""
    UPDATE deliveries SET seq = %(seq)s, attempts = 0, error = NULL, failing_since = NULL, updated_at = now(),
                          next_at = clock_timestamp() + {_CLAIM}
    WHERE {_HELD} RETURNING next_at"""

_ANSWERED = "UPDATE webhooks SET failures = 0 WHERE id = %(webhook)s AND failures > 0"

_RELEASE = f"""
    UPDATE deliveries SET seq = %(seq)s, next_at = now(), updated_at = now(),
                          state = CASE WHEN {ENDED} AND orders.seq <= %(seq)s THEN {DELIVERED}
                                       ELSE {WAITING} END
    FROM orders WHERE {_HELD} AND orders.id = order_id"""

_FAILED = f"""
    WITH failed AS (
        UPDATE deliveries
        SET attempts = attempts + 1, error = %(error)s, failing_since = coalesce(failing_since, now()),
            next_at = now() + make_interval(secs => coalesce(%(pause)s::float8, 0)), updated_at = now(),
            state = CASE WHEN %(pause)s::float8 IS NULL THEN {PARKED}
                         ELSE {WAITING} END
        WHERE {_HELD} RETURNING webhook_id
    )
    UPDATE webhooks SET failures = failures + 1 FROM failed WHERE id = webhook_id"""

_POSTPONE = f"UPDATE deliveries SET next_at = now() + make_interval(secs => %(pause)s::float8) WHERE {_HELD}"

SHOWN_ERROR = 300
"""How many characters of an error are kept."""


class PostgresDeliveries:
    """`Deliveries`. Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def follow(self) -> bool:
        *_, ((found),) = self._database.fetch_all((_FOLLOW, {}), (_FOLLOWED, {}), (_FORGET, {}), (_ANY, {}))
        return bool(found["any"])

    def claim(self, free: int, free_for_failing: int, sending: Mapping[UUID, int]) -> list[Claim]:
        values = {
            "free": free,
            "free_for_failing": free_for_failing,
            "webhooks": list(sending),
            "sending": list(sending.values()),
        }
        return [Claim(**row) for row in self._database.fetch(_TAKE, values)]

    def delivered(self, claim: Claim, seq: int) -> Claim | None:
        rows, _ = self._database.fetch_all((_DELIVERED, _held(claim, seq=seq)), (_ANSWERED, _held(claim)))
        if not rows:
            return None
        return claim._replace(seq=seq, attempts=0, failing_seconds=0, is_failing=False, until=rows[0]["next_at"])

    def release(self, claim: Claim, seq: int) -> None:
        self._database.execute(_RELEASE, _held(claim, seq=seq))

    def failed(self, claim: Claim, error: str, pause: float | None) -> None:
        self._database.execute(_FAILED, _held(claim, error=error[:SHOWN_ERROR], pause=pause))

    def postpone(self, claim: Claim, pause: float) -> None:
        self._database.execute(_POSTPONE, _held(claim, pause=pause))


def _held(claim: Claim, **more: Any) -> dict[str, Any]:
    return {"webhook": claim.webhook_id, "order": claim.order_id, "until": claim.until, **more}
