from __future__ import annotations

import pytest
from psycopg.conninfo import make_conninfo

from order_engine.domain.errors import TooManySubscriptions
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.services.connections import Eviction
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.connections import PostgresConnectionStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.subscriptions import MAX_SUBSCRIPTIONS, PostgresSubscriptionStore
from tests.support.fakes import Connections
from tests.support.orders import CALLER, CLIENT, LEASE, OTHER, REQUEST, RUN, new_order


@pytest.fixture
def opened(database: Database) -> PostgresConnectionStore:
    return PostgresConnectionStore(database)


# Connections of a client


def test_a_client_is_refused_connections_beyond_the_limit(
    opened: PostgresConnectionStore, subscriptions: PostgresSubscriptionStore
) -> None:
    assert [opened.open(f"c{number}", CALLER, 2) for number in range(3)] == [True, True, False]
    assert opened.open("c3", OTHER, 2)
    subscriptions.remove_connections(["c0"])
    assert opened.open("c2", CALLER, 2)


def test_the_keys_of_one_client_share_its_connections(opened: PostgresConnectionStore, database: Database) -> None:
    clients = PostgresClientStore(database)
    callers = [clients.caller_with_key(clients.create_key("alice")) for _ in range(3)]
    assert [opened.open(f"c{n}", caller, 2) for n, caller in enumerate(callers) if caller] == [True, True, False]


def test_a_connection_that_is_recorded_twice_counts_once(opened: PostgresConnectionStore) -> None:
    assert [opened.open("c1", CALLER, 2) for _ in range(2)] == [True, True]
    assert opened.oldest(CALLER, 10) == ["c1"]


def test_a_limit_of_zero_allows_any_number(database: Database) -> None:
    opened = PostgresConnectionStore(database)
    assert all(opened.open(f"c{number}", CALLER, 0) for number in range(20))


def test_a_connection_older_than_the_longest_lifetime_does_not_count(
    opened: PostgresConnectionStore, database: Database
) -> None:
    for number in range(2):
        opened.open(f"c{number}", CALLER, 2)
    database.execute("UPDATE connections SET connected_at = now() - interval '3 hours' WHERE id = 'c0'")
    assert opened.oldest(CALLER, 10) == ["c1"]
    assert opened.open("c2", CALLER, 2)


# Connections to close


def test_the_connections_of_a_revoked_key_are_closed_and_their_orders_continue(
    opened: PostgresConnectionStore,
    orders: PostgresOrderStore,
    subscriptions: PostgresSubscriptionStore,
    database: Database,
) -> None:
    connections = Connections()
    opened.open("c1", CALLER, 2)
    opened.open("c2", OTHER, 2)
    order = new_order(orders, connection_id="c1")
    eviction = Eviction(store=opened, subscriptions=subscriptions, connections=connections, warn=print)
    assert eviction.sweep(60) == []
    PostgresClientStore(database).revoke(CALLER.key_id)
    assert eviction.sweep(60) == ["c1"]
    assert connections.closed == ["c1"]
    assert database.fetch("SELECT * FROM subscriptions") == []
    assert orders.claim(order.id, RUN, LEASE) is not None
    assert eviction.sweep(60) == []
    assert opened.oldest(OTHER, 10) == ["c2"]


def test_connections_that_outlived_their_lifetime_are_deleted(
    opened: PostgresConnectionStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    opened.open("c1", CALLER, 2)
    database.execute("UPDATE connections SET connected_at = now() - interval '3 hours'")
    eviction = Eviction(store=opened, subscriptions=subscriptions, connections=Connections(), warn=print)
    assert eviction.sweep(60) == ["c1"]
    assert database.fetch("SELECT * FROM connections") == []


def test_a_connection_that_fails_to_close_is_left_to_the_next_sweep(
    opened: PostgresConnectionStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    connections, warnings = Connections(lasting={"c1"}), list[str]()
    for connection_id in ("c1", "c2"):
        opened.open(connection_id, CALLER, 2)
    PostgresClientStore(database).revoke(CALLER.key_id)
    eviction = Eviction(store=opened, subscriptions=subscriptions, connections=connections, warn=warnings.append)
    assert eviction.sweep(60) == ["c2"]
    assert warnings == ["connection c1 not closed: expected status 204 or 410, was 500"]
    connections.lasting.clear()
    assert eviction.sweep(60) == ["c1"]


# Running orders of a connection


def fill(orders: PostgresOrderStore, connection_id: str) -> None:
    for _ in range(MAX_SUBSCRIPTIONS):
        new_order(orders, connection_id=connection_id)


def test_a_connection_may_not_listen_to_more_running_orders_than_the_limit(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    fill(orders, "c1")
    another = new_order(orders)
    with pytest.raises(TooManySubscriptions, match=f"more than {MAX_SUBSCRIPTIONS} orders on one connection"):
        subscriptions.subscribe("c1", CLIENT, another.id, 0, lambda event: None)
    before = len(orders.page(CLIENT, 200)[0])
    with pytest.raises(TooManySubscriptions):
        new_order(orders, connection_id="c1")
    assert len(orders.page(CLIENT, 200)[0]) == before
    assert len(database.fetch("SELECT FROM order_events")) == before
    subscriptions.subscribe("c2", CLIENT, another.id, 0, lambda event: None)


def test_an_order_that_it_already_listens_to_does_not_count_again(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore
) -> None:
    fill(orders, "c1")
    (order, *_), _ = orders.page(CLIENT, 1)
    subscriptions.subscribe("c1", CLIENT, order.id, 0, lambda event: None)


def test_final_orders_make_room(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database: Database
) -> None:
    fill(orders, "c1")
    database.execute("UPDATE orders SET status = 'confirmed'")
    another = new_order(orders)
    subscriptions.subscribe("c1", CLIENT, another.id, 0, lambda event: None)
    assert database.fetch("SELECT order_id FROM subscriptions") == [{"order_id": another.id}]
    fill(orders, "c2")
    database.execute("UPDATE orders SET status = 'failed'")
    newest = new_order(orders, connection_id="c2")
    assert database.fetch("SELECT order_id FROM subscriptions WHERE connection_id = 'c2'") == [{"order_id": newest.id}]


def test_a_connection_may_subscribe_while_its_replay_is_slow(
    orders: PostgresOrderStore, subscriptions: PostgresSubscriptionStore, database_url: str, database: Database
) -> None:
    fill(orders, "c1")
    (ended, *_), _ = orders.page(CLIENT, 1)
    database.execute("UPDATE orders SET status = 'confirmed'")
    impatient = Database(make_conninfo(database_url, options="-c lock_timeout=2000"))

    def send(event: Event) -> None:
        # The subscriptions of final orders are being removed, so their rows are locked.
        PostgresOrderStore(impatient).insert(uuid7(), CLIENT, REQUEST, {}, "c1")

    subscriptions.subscribe("c1", CLIENT, ended.id, 0, send)
    impatient.close()
    assert len(orders.page(CLIENT, 200)[0]) == MAX_SUBSCRIPTIONS + 1
