"""Fills the tables of a database with orders that have ended, or that wait."""

from __future__ import annotations

import psycopg

DAYS = 30
FAILED = 4
"""One order in so many has failed."""

# The engine makes the partitions of today and of later days.
_PARTITIONS = f"""
    DO $$
        DECLARE day date := (now() AT TIME ZONE 'UTC')::date;
        BEGIN
            FOR n IN 1..{DAYS} + 1 LOOP
                day := day - 1;
                EXECUTE format(
                    'CREATE TABLE %I PARTITION OF order_events FOR VALUES FROM (%L) TO (%L)',
                    'order_events_' || to_char(day, 'YYYYMMDD'), first_id(day), first_id(day + 1)
                );
            END LOOP;
        END
    $$"""

_CLIENTS = "INSERT INTO clients (id, name) SELECT uuidv7(), 'client ' || n FROM generate_series(1, %(clients)s) AS n"

# In the order of their times, which is also that of their ids.
_NEW = f"""
    CREATE TEMPORARY TABLE new ON COMMIT DROP AS
    SELECT n, uuidv7(since) AS id, now() + since AS at, (n / 2) %% {FAILED} = 0 AS failed,
           CASE WHEN n %% 2 = 0 THEN owner ELSE others[1 + n / 2 %% cardinality(others)] END AS client_id
    FROM generate_series(0, %(orders)s - 1) AS n,
         LATERAL (SELECT -interval '1 day' * (1 + {DAYS} * (1 - n / %(orders)s::float8)) AS since) AS spread,
         (SELECT client_id AS owner FROM orders WHERE id = %(copied)s) AS order_,
         (SELECT array_agg(id) AS others FROM clients WHERE name LIKE 'client %%') AS clients
    ORDER BY n"""

_COPY = "INSERT INTO {table} ({columns}) SELECT {values} FROM new, {table} AS copied WHERE copied.{key} = %(copied)s"

_FAILS = "new.failed AND copied.status = 'confirmed'"
_ERROR = """'{"code": "SlippageExceeded", "message": "the price moved", "attempts": 1, "retryable": true}'::jsonb"""

_DIFFERENT = {
    "id": "new.id",
    "order_id": "new.id",
    "client_id": "new.client_id",
    "tx_hash": "copied.tx_hash || new.n",
    "status": f"CASE WHEN {_FAILS} THEN 'failed' ELSE copied.status END",
    "error": f"CASE WHEN {_FAILS} THEN {_ERROR} END",
    "data": f"CASE WHEN {_FAILS} THEN {_ERROR} ELSE copied.data END",
    **dict.fromkeys(("at", "created_at", "updated_at", "woken_at", "enqueued_at"), "new.at"),
}
"""The columns in which a copy differs."""


_LATER = """
    floor(copied.{0} * (1 + n %% 7)
        * (1 + CASE copied.waits_for WHEN 'at_most' THEN -n ELSE n END * %(reach)s / %(copies)s))"""

_COPY_OPEN = """
    INSERT INTO orders ({columns}) SELECT {values}
    FROM orders AS copied, generate_series(1, %(copies)s) AS n WHERE copied.status = 'open'"""

_DIFFERENT_OPEN = {
    "id": "uuidv7()",
    "client_order_id": "NULL",
    "idempotency_key": "NULL",
    "linked_id": "NULL",
    "amount_in": "copied.amount_in * (1 + n %% 7)",
    "trigger_out": _LATER.format("trigger_out"),
    "limit_out": _LATER.format("limit_out"),
}
"""The columns in which a copy of an order that waits differs."""


def fill_open(url: str, copies: int, reach: float = 0.5) -> None:
    """Adds so many copies of each open order, without events: a moving price reaches them later, one after the other.

    The last once it has moved by `reach`, a share of the price. Their amounts are up to seven times as large.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        columns = _columns(connection, "orders")
        values = ", ".join(_DIFFERENT_OPEN.get(name, f"copied.{name}") for name in columns)
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            _COPY_OPEN.format(columns=", ".join(columns), values=values), {"copies": copies, "reach": reach}
        )
        connection.execute("VACUUM ANALYZE orders")


def fill(url: str, orders: int, clients: int) -> None:
    """Adds copies of a confirmed order and of its events, with ids and times of the `DAYS` before yesterday.

    Half of them belong to the order's client, the others to so many new clients, `client 1` and so on.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT id FROM orders WHERE status = 'confirmed' ORDER BY id LIMIT 1").fetchone()
        if row is None:
            raise ValueError("expected a confirmed order to copy, was none")
        values = {"orders": orders, "clients": clients, "copied": row[0]}
        # Checks no foreign keys, which would take most of the time.
        connection.execute("SET session_replication_role = replica")
        connection.execute(_PARTITIONS)
        connection.execute(_CLIENTS, values)
        with connection.transaction():
            connection.execute(_NEW, values)
            for table, key in (("orders", "id"), ("order_events", "order_id")):
                columns = _columns(connection, table)
                chosen = (_DIFFERENT.get(name, f"copied.{name}") for name in columns)
                statement = _COPY.format(table=table, key=key, columns=", ".join(columns), values=", ".join(chosen))
                connection.execute(statement.replace("%", "%%").replace("%%(copied)s", "%(copied)s"), values)
        # As autovacuum would do in the middle of the measurement.
        connection.execute("VACUUM ANALYZE orders, order_events")
        connection.execute("CHECKPOINT")


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    """The columns of a table that can be written."""
    rows = connection.execute(
        "SELECT attname FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
        [table],
    )
    return [name for (name,) in rows]
