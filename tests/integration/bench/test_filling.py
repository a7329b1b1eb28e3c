"""The benchmark fills the tables with orders that the engine could have executed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from bench.filling import DAYS, FAILED, fill
from order_engine.domain.lifecycle import Status
from order_engine.simulation.schema import MIGRATIONS
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.schema import migrate
from tests.support.databases import clean, new_database
from tests.support.orders import CLIENT, LIFE, brought_to, statuses

ORDERS = 120


def test_copies_are_spread_over_clients_and_days(postgres_url: str) -> None:
    url = new_database(postgres_url)
    migrate(url, others=MIGRATIONS)
    clean(url)
    database = Database(url)
    orders = PostgresOrderStore(database)
    brought_to(orders, Status.CONFIRMED)

    fill(url, ORDERS, clients=3)

    mine, _ = orders.page(CLIENT, ORDERS)
    assert len(mine) == 1 + ORDERS // 2
    assert sum(order.status is Status.FAILED for order in mine) == ORDERS // 2 // FAILED
    with psycopg.connect(url) as connection:
        shares = connection.execute(
            "SELECT count(*) FROM orders JOIN clients ON clients.id = client_id"
            " WHERE name LIKE 'client %' GROUP BY name"
        ).fetchall()
        # AND each partition has the events of its day
        days = connection.execute("SELECT count(DISTINCT tableoid) FROM order_events").fetchall()
    assert shares == [(20,)] * 3
    assert days[0][0] > DAYS
    oldest = mine[-1]
    assert statuses(orders, oldest.id) == [*LIFE[:-1], oldest.status]
    assert timedelta(days=DAYS) < datetime.now(UTC) - oldest.created_at < timedelta(days=DAYS + 2)
    assert [order.id for order in mine] == sorted((order.id for order in mine), reverse=True)
    database.close()
