"""What a statement reads does not grow with the number of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from order_engine.domain.errors import OrderNotFound
from order_engine.domain.fills import Interval
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.ports import Selection
from order_engine.storage.database import Database
from order_engine.storage.fills import PostgresFills
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.schema import migrate
from order_engine.storage.standing_orders import PostgresStandingOrders
from order_engine.storage.statistics import PostgresStatistics
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.support.databases import new_database
from tests.support.open_orders import activate, limit, open_pair, stop
from tests.support.orders import CLIENT, OTHER, PATHS, REQUEST, RUN

ENDED = 20_000

_ID = """(substr(first_id((now() AT TIME ZONE 'UTC')::date - 1 - {n} % 9)::text, 1, 13) || '-7000-8000-'
               || lpad(to_hex({n}), 12, '0'))::uuid"""
# Half are of another client, and have all failed. Of the client's, a hundredth has. Their ids are of nine days.
# The last change of each was a minute before that of the one before it.
# One in a hundred of the client's was a limit order, and one in a thousand a slice of the first.
_FILL = f"""
    INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, status, run, tx_hash,
                        idempotency_key, client_order_id, parent_id, venue, amount_out, updated_at)
    SELECT {_ID.format(n="n")},
           CASE WHEN n % 2 = 0 THEN %(client)s ELSE %(other)s END::uuid,
           CASE WHEN n % 200 = 2 THEN 'limit' ELSE 'market' END, 'SOL', 'USDC', 1, 50,
           CASE WHEN n % 200 = 0 OR n % 2 = 1 THEN 'failed' ELSE 'confirmed' END,
           'run', n::text, 'key ' || n, 'own ' || n, CASE WHEN n % 2000 = 4 THEN {_ID.format(n="2")} END,
           'raydium', 1, now() - n * interval '1 minute'
    FROM generate_series(1, {ENDED}) AS n"""

Use = Callable[[Database, PostgresOrderStore], object]


def refused(database: Database, orders: PostgresOrderStore) -> None:
    with pytest.raises(OrderNotFound):
        orders.owned(CLIENT, uuid7())


def listed(**selection: Any) -> Use:
    return lambda database, orders: orders.page(CLIENT, 10, Selection(**selection))


def filled(**selection: Any) -> Use:
    return lambda database, orders: PostgresFills(database, "Simulated").page(CLIENT, 10, Selection(**selection))


def first(database: Database) -> UUID:
    """The id of the order that the slices are of."""
    (row,) = database.fetch(f"SELECT {_ID.format(n='2')} AS id")
    id: UUID = row["id"]
    return id


def cancel_pair(database: Database, orders: PostgresOrderStore) -> None:
    orders.cancel(CLIENT, open_pair(database, limit(), stop())[1].id)


def fill_one_of_two(database: Database, orders: PostgresOrderStore) -> None:
    order, other = open_pair(database, limit(), stop())
    activate(database, order)
    assert orders.claim(order.id, RUN) is not None
    for trigger in PATHS[Status.CONFIRMED]:
        linked_id = other.id if trigger is Trigger.CONFIRM else None
        assert orders.move(order.id, RUN, trigger, 1, {}, linked_id=linked_id) is not None


USES: dict[str, Use] = {
    "submit": lambda database, orders: orders.insert(uuid7(), CLIENT, REQUEST, {}, idempotency_key=str(uuid7())),
    "claim": lambda database, orders: orders.claim(uuid7(), RUN),
    "get": refused,
    "repeat": lambda database, orders: orders.insert(uuid7(), CLIENT, REQUEST, {}, idempotency_key="key 8"),
    "list": lambda database, orders: orders.page(CLIENT, 10),
    "list by a common status": lambda database, orders: orders.page(CLIENT, 10, Selection(status=Status.CONFIRMED)),
    "list by a rare status": lambda database, orders: orders.page(CLIENT, 10, Selection(status=Status.FAILED)),
    "list by a status of none": lambda database, orders: orders.page(CLIENT, 10, Selection(status=Status.CANCELLED)),
    "list by a rare type": listed(type="limit"),
    "list by a type of none": listed(type="sniper"),
    "list by the client's own id": listed(client_order_id="own 8"),
    "list by an own id of none": listed(client_order_id="none"),
    "list the slices of an order": lambda database, orders: orders.page(
        CLIENT, 10, Selection(parent_id=first(database))
    ),
    "list the slices of none": listed(parent_id=uuid7()),
    "list the last hours": listed(since=datetime.now(UTC) - timedelta(hours=1)),
    "list before the first day": listed(until=datetime.now(UTC) - timedelta(days=30)),
    "list a month by a rare status": listed(
        status=Status.FAILED, since=datetime.now(UTC) - timedelta(days=30), until=datetime.now(UTC) + timedelta(days=1)
    ),
    "list the active ones": lambda database, orders: orders.active(CLIENT, 10, with_open=False),
    "list the active and the open ones": lambda database, orders: orders.active(CLIENT, 10, with_open=True),
    "list fills": filled(),
    "list the fills of a time": filled(since=datetime.now(UTC) - timedelta(days=9)),
    "list fills before a time": filled(until=datetime.now(UTC) - timedelta(days=9)),
    "list fills after another": lambda database, orders: PostgresFills(database, "Simulated").page(
        CLIENT, 10, Selection(beyond=first(database))
    ),
    "sum the fills of a time": lambda database, orders: PostgresFills(database, "Simulated").changes(
        CLIENT, datetime.now(UTC) - timedelta(minutes=1030), datetime.now(UTC) - timedelta(minutes=1000), Interval.DAY
    ),
    "count": lambda database, orders: PostgresStatistics(database).counts(CLIENT, 5),
    "time": lambda database, orders: PostgresStatistics(database).timings(CLIENT, 5),
    "cancel": lambda database, orders: orders.cancel(CLIENT, orders.insert(uuid7(), CLIENT, REQUEST, {}).id),
    "cancel two that are linked": cancel_pair,
    "fill one of two that are linked": fill_one_of_two,
    "cancel all": lambda database, orders: PostgresStandingOrders(database).cancel_all(CLIENT, Selection()),
    "cancel all of a type": lambda database, orders: PostgresStandingOrders(database).cancel_all(
        CLIENT, Selection(type="limit")
    ),
    "sweep": lambda database, orders: orders.take_stalled(3600),
    "end subscriptions": lambda database, orders: PostgresSubscriptionStore(database).delete_ended(3600),
    "whether a day is over": lambda database, orders: database.fetch(
        "SELECT are_over(first_id(%(day)s), first_id(%(day)s + 1))",
        {"day": (datetime.now(UTC) - timedelta(days=3)).date()},
    ),
}
"""What reads the orders."""

MOST = 40
"""How many orders each use may read: a page of ten, the few that run, and some that Postgres looks up to plan."""


@pytest.fixture(scope="module")
def large(postgres_url: str) -> Iterator[Database]:
    url = new_database(postgres_url)
    migrate(url)
    database = Database(url)
    clients = {"client": CLIENT, "other": OTHER.client_id}
    database.execute("INSERT INTO clients (id, name) VALUES (%(client)s, 'client'), (%(other)s, 'other')", clients)
    database.execute(_FILL, clients)
    database.execute("ANALYZE orders")
    yield database
    database.close()


def read(database: Database) -> int:
    """How many orders this connection has read so far."""
    database.execute("SELECT pg_stat_force_next_flush()")
    (row,) = database.fetch(
        "SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = 'orders'"
    )
    count: Any = row["read"]
    return int(count)


@pytest.mark.parametrize("use", USES)
def test_what_is_read_does_not_grow_with_the_number_of_orders(large: Database, use: str) -> None:
    orders = PostgresOrderStore(large)
    # Often enough for Postgres to have chosen between plans for these parameters and for any.
    for _ in range(8):
        USES[use](large, orders)
    before = read(large)
    USES[use](large, orders)
    assert read(large) - before <= MOST
