"""Databases on the embedded Postgres."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from order_engine.simulation.schema import create_pools
from order_engine.storage.database import Database
from tests.support.orders import CALLER, OTHER

_TABLES = (
    *(
        "deliveries",
        "webhooks",
        "subscriptions",
        "order_events",
        "orders",
        "quotes",
        "connections",
        "tickets",
        "key_audit",
        "api_keys",
        "market_faults",
    ),
    *("market_transactions", "market_pools", "market_mints", "solana_pools", "leases", "tokens"),
)


_TIMES = ("enqueued_at", "lease_until", "rests_until", "expires_at", "due_at")


def new_database(postgres_url: str) -> str:
    """Creates an empty database on the same server and returns its URL."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        # No test cuts the power, and waiting for the disk would take most of the time.
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    return make_conninfo(postgres_url, dbname=name)


def clean(url: str) -> None:
    """Resets a migrated database: no orders, the initial market, and two clients."""
    database = Database(url)
    database.fetch_all(*((f"DELETE FROM {table}", {}) for table in _TABLES))
    database.execute(f"DELETE FROM clients WHERE id <> '{UUID(int=0)}'")
    create_pools(database)
    for name, caller in (("client", CALLER), ("other", OTHER)):
        database.execute(
            "INSERT INTO clients (id, name) VALUES (%(id)s, %(name)s)", {"id": caller.client_id, "name": name}
        )
        database.execute(
            "INSERT INTO api_keys (id, client_id, prefix, hash) VALUES (%(id)s, %(client)s, '', %(hash)s)",
            {"id": caller.key_id, "client": caller.client_id, "hash": name.encode()},
        )
    database.close()


def terminate(database: Database, admin: Database) -> None:
    """Makes the server close the connection of `database`."""
    (row,) = database.fetch("SELECT pg_backend_pid() AS pid")
    (answer,) = admin.fetch("SELECT pg_terminate_backend(%(pid)s, 10000) AS gone", row)
    assert answer["gone"]


def pass_time(database: Database, seconds: float) -> None:
    """Moves the leases and timestamps of all orders, and of their watcher, back by `seconds`."""
    past = {"seconds": seconds}
    database.fetch_all(
        (f"UPDATE orders SET {', '.join(map(_moved_back, _TIMES))}", past),
        (f"UPDATE leases SET {_moved_back('held_until')}", past),
    )


def _moved_back(column: str) -> str:
    return f"{column} = {column} - make_interval(secs => %(seconds)s)"
