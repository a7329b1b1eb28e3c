from __future__ import annotations

import signal
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from psycopg import errors

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.ids import uuid7
from order_engine.storage.database import Database
from tests.support.concurrency import at_once
from tests.support.databases import terminate
from tests.support.network import closed_port, silent_port, unreliable_line

Connect = Callable[[], Database]


def test_a_statement_is_repeated_when_the_server_had_closed_the_connection(connect: Connect) -> None:
    database = connect()
    for _ in range(5):
        # Often enough for the statement to be prepared, which the new connection does not know.
        database.fetch("SELECT count(*) FROM orders")
    terminate(database, connect())
    assert database.fetch("SELECT count(*) AS count FROM orders") == [{"count": 0}]


def test_a_transaction_starts_on_a_new_connection_when_the_server_had_closed_the_old_one(connect: Connect) -> None:
    database = connect()
    terminate(database, connect())
    with database.transaction(("SELECT 1 AS one", {})) as rows:
        assert rows == [[{"one": 1}]]


def test_a_connection_lost_inside_a_transaction_rolls_it_back(connect: Connect) -> None:
    database, admin = connect(), connect()

    def lose() -> None:
        with database.transaction(("DELETE FROM market_pools RETURNING pg_backend_pid() AS pid", {})) as (deleted,):
            admin.fetch("SELECT pg_terminate_backend(%(pid)s, 10000)", deleted[0])

    with pytest.raises(StoreUnavailable):
        lose()
    assert database.fetch("SELECT count(*) > 0 AS kept FROM market_pools") == [{"kept": True}]


def test_a_transaction_that_raises_is_rolled_back_and_leaves_the_connection_usable(database: Database) -> None:
    def fail() -> None:
        with database.transaction(("DELETE FROM market_pools", {})):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.fetch("SELECT count(*) > 0 AS kept FROM market_pools") == [{"kept": True}]


def test_a_statement_inside_a_transaction_is_part_of_it(database: Database) -> None:
    def fail() -> None:
        with database.transaction():
            database.execute("DELETE FROM market_pools")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.fetch("SELECT count(*) > 0 AS kept FROM market_pools") == [{"kept": True}]


def test_a_statement_of_a_lost_transaction_is_not_repeated_outside_it(connect: Connect) -> None:
    database, admin = connect(), connect()

    def lose() -> None:
        with database.transaction(("SELECT pg_backend_pid() AS pid", {})) as (pids,):
            admin.fetch("SELECT pg_terminate_backend(%(pid)s, 10000)", pids[0])
            with pytest.raises(StoreUnavailable):
                database.execute("DELETE FROM market_pools")

    with pytest.raises(StoreUnavailable):
        lose()
    assert database.fetch("SELECT count(*) > 0 AS kept FROM market_pools") == [{"kept": True}]


def test_a_successful_transaction_is_committed(database: Database, connect: Connect) -> None:
    with database.transaction(("DELETE FROM market_pools", {})):
        pass
    assert connect().fetch("SELECT FROM market_pools") == []


def test_a_wrong_statement_is_not_an_outage(database: Database) -> None:
    with pytest.raises(errors.UndefinedTable):
        database.fetch("SELECT * FROM nowhere")
    assert database.fetch("SELECT 1 AS one") == [{"one": 1}]


def test_a_name_stands_for_one_value_wherever_it_is(database: Database) -> None:
    statement = "SELECT %(b)s::int - %(a)s AS difference, 10 % %(a)s AS rest"
    for a in (3, 4, 7):
        assert database.fetch(statement, {"a": a, "b": 9, "unused": None}) == [{"difference": 9 - a, "rest": 10 % a}]


def test_statements_that_are_sent_together_see_each_other(database: Database) -> None:
    for _ in range(3):
        deleted, none, inserted = database.fetch_all(
            ("DELETE FROM clients WHERE name = %(name)s RETURNING name", {"name": "new"}),
            ("SELECT FROM clients WHERE name = %(name)s", {"name": "new"}),
            ("INSERT INTO clients (id, name) VALUES (%(id)s, %(name)s) RETURNING name", {"id": uuid7(), "name": "new"}),
        )
        assert (none, inserted) == ([], [{"name": "new"}])
    assert deleted == [{"name": "new"}]
    database.execute("DELETE FROM clients WHERE name = 'new'")


def test_statements_that_are_sent_together_all_fail_with_one(database: Database) -> None:
    for _ in range(3):
        with pytest.raises(errors.UndefinedTable):
            database.fetch_all(("DELETE FROM market_pools", {}), ("SELECT FROM nowhere", {}), ("SELECT 1", {}))
    assert database.fetch("SELECT count(*) > 0 AS kept FROM market_pools") == [{"kept": True}]


def test_a_wrong_statement_ends_its_transaction(database: Database) -> None:
    with pytest.raises(errors.UndefinedTable), database.transaction(("SELECT * FROM nowhere", {})):
        pass
    assert database.fetch("SELECT 1 AS one") == [{"one": 1}]


@pytest.mark.parametrize("how", ["fetch", "fetch_all", "transaction"])
def test_an_interrupt_leaves_no_result_for_the_next_statement(database: Database, how: str) -> None:
    def interrupt(signal_number: int, frame: object) -> None:
        raise KeyboardInterrupt

    def sleep() -> None:
        query = "SELECT pg_sleep(0.3)", dict[str, Any]()
        match how:
            case "fetch":
                database.fetch(*query)
            case "fetch_all":
                database.fetch_all(query, query)
            case "transaction":
                with database.transaction(query):
                    pass

    handler = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(KeyboardInterrupt):
            sleep()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert database.fetch("SELECT 1 AS one") == [{"one": 1}]


def test_threads_that_start_together_share_one_connection(connect: Connect) -> None:
    database = connect()
    pids = at_once(8, lambda _: database.fetch("SELECT pg_backend_pid() AS pid")[0]["pid"])
    assert len(set(pids)) == 1


def test_all_threads_that_lose_their_connection_get_their_results(connect: Connect) -> None:
    database, admin = connect(), connect()
    for _ in range(5):
        terminate(database, admin)
        assert at_once(8, lambda number: database.fetch("SELECT %(n)s::int AS n", {"n": number})) == [
            [{"n": number}] for number in range(8)
        ]


def test_without_prepared_statements_the_server_keeps_none(connect: Connect, database_url: str) -> None:
    kept = "SELECT count(*) AS count FROM pg_prepared_statements"
    with_them, without = connect(), Database(database_url, prepared_statements=False)
    for _ in range(6):
        prepared, unprepared = with_them.fetch(kept), without.fetch(kept)
    without.close()
    assert prepared[0]["count"] > 0
    assert unprepared[0]["count"] == 0


def test_a_closed_port_is_reported_at_once() -> None:
    with closed_port() as port:
        database = Database(f"host=127.0.0.1 port={port} user=postgres")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="Postgres does not answer"):
            database.fetch("SELECT 1")
        assert time.monotonic() - started < 5


def test_a_silent_server_is_abandoned_after_the_timeout() -> None:
    with silent_port() as port:
        database = Database(f"host=127.0.0.1 port={port} user=postgres")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            database.fetch("SELECT 1")
        assert time.monotonic() - started < 10


def test_a_statement_whose_response_was_lost_is_repeated(database_url: str) -> None:
    with unreliable_line(database_url) as line:
        database = Database(line.url)
        database.fetch("SELECT 1")
        line.lose_next_answer()
        assert database.fetch("SELECT 2 AS two") == [{"two": 2}]
        assert line.lost == 1
        database.close()


@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("together", [False, True])
def test_a_statement_is_repeated_after_the_server_has_crashed(database_url: str, times: int, together: bool) -> None:
    """GIVEN a statement that was sent a few times before: it is new, to be prepared, or prepared."""
    query = "SELECT 2 AS two", dict[str, Any]()
    with TemporaryDirectory() as folder, unreliable_line(database_url, folder) as line:
        database = Database(line.url)
        database.fetch("SELECT 1")
        for _ in range(times):
            database.fetch(*query)
        line.crash()
        assert (database.fetch_all(query) if together else [database.fetch(*query)]) == [[{"two": 2}]]
        database.close()


def test_a_response_lost_on_a_new_connection_is_an_outage(database_url: str) -> None:
    with unreliable_line(database_url) as line:
        database = Database(line.url)
        line.lose_next_answer()
        with pytest.raises(StoreUnavailable):
            database.fetch("SELECT 1")
        assert database.fetch("SELECT 1 AS one") == [{"one": 1}]
        database.close()
