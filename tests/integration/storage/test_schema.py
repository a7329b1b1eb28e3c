from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from order_engine.domain.lifecycle import RUNNING
from order_engine.simulation.schema import MIGRATIONS, create_pools
from order_engine.storage import schema
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.schema import migrate
from tests.support.concurrency import at_once
from tests.support.databases import new_database
from tests.support.simulation import pools, store

SIMULATION = {"market_faults", "market_mints", "market_pools", "market_transactions", "simulation_version"}

TABLES = {
    "alembic_version",
    "api_keys",
    "clients",
    "connections",
    "deliveries",
    "key_audit",
    "webhooks",
    "leases",
    "order_events",
    "orders",
    "quotes",
    "solana_pools",
    "subscriptions",
    "tickets",
    "tokens",
    *SIMULATION,
}


BEFORE_0005 = (
    "INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, quote_id)"
    " SELECT %s, id, 'market', 'SOL', 'USDC', 1, 50, %s FROM clients"
)


@pytest.fixture
def empty_url(postgres_url: str) -> str:
    return new_database(postgres_url)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database_url) as connection:
        yield connection
        connection.rollback()


def tables(url: str) -> set[str]:
    """Returns every table except the partitions, whose names contain the day."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT relispartition"
        )
        return {name for (name,) in rows}


def layout(url: str) -> list[tuple[Any, ...]]:
    """Returns every column, constraint, index and function."""
    with psycopg.connect(url) as connection:
        return [
            *connection.execute(
                "SELECT table_name, column_name, data_type, is_nullable, column_default"
                " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
            ),
            *connection.execute(
                "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
            ),
            *connection.execute("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"),
            *connection.execute(
                "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
            ),
        ]


def downgrade(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes |= {"connection": connection, "version_table": "alembic_version"}
        command.downgrade(config, revision)


def test_an_empty_database_gets_every_table(empty_url: str) -> None:
    migrate(empty_url, others=MIGRATIONS)
    assert tables(empty_url) == TABLES


def test_migrating_again_changes_nothing_and_keeps_the_data(empty_url: str) -> None:
    migrate(empty_url, others=MIGRATIONS)
    before = layout(empty_url)
    with psycopg.connect(empty_url) as connection:
        insert_order(connection)
    migrate(empty_url, others=MIGRATIONS)
    assert layout(empty_url) == before
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_several_threads_may_migrate_at_once(empty_url: str) -> None:
    at_once(4, lambda _: migrate(empty_url, others=MIGRATIONS))
    assert tables(empty_url) == TABLES


def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    program = (
        "import sys; from order_engine.simulation.schema import MIGRATIONS;"
        " from order_engine.storage.schema import migrate; migrate(sys.argv[1], others=MIGRATIONS)"
    )
    environment = {"PYTHONPATH": ":".join(path for path in sys.path if path)}
    processes = [
        subprocess.Popen([sys.executable, "-c", program, empty_url], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [(process.communicate()[1], process.returncode) for process in processes] == [("", 0)] * 3
    assert tables(empty_url) == TABLES


def test_a_downgrade_removes_everything_and_an_upgrade_restores_it(empty_url: str) -> None:
    migrate(empty_url, others=MIGRATIONS)
    before = layout(empty_url)
    downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version", *SIMULATION}
    migrate(empty_url, others=MIGRATIONS)
    assert layout(empty_url) == before


def test_an_upgrade_keeps_the_orders_and_resets_the_market(empty_url: str) -> None:
    """GIVEN a database of the first revision with an order and pools."""
    migrate(empty_url, "0001")
    first = layout(empty_url)
    id = uuid4()
    with psycopg.connect(empty_url) as connection:
        connection.execute(
            "INSERT INTO orders (id, type, token_in, token_out, amount_in, slippage_bps)"
            " VALUES (%s, 'market', 'SOL', 'USDC', 1, 50)",
            (id,),
        )
        connection.execute(EVENT, (id, 1))
        # The market's tables had another shape then, and were part of the engine's history.
        connection.execute("CREATE TABLE market_pools (venue text)")
        connection.execute("CREATE TABLE market_faults (venue text)")
    migrate(empty_url, others=MIGRATIONS)
    database = Database(empty_url)
    assert PostgresOrderStore(database).get(id).quote_id is None
    assert database.fetch("SELECT percent FROM market_faults") == []
    assert pools(database) == {}
    create_pools(database)
    assert len(pools(database)) > 0
    database.close()
    downgrade(empty_url, "0001")
    assert set(first) <= set(layout(empty_url))


def test_the_time_of_the_last_message_takes_the_place_of_woken_at(empty_url: str) -> None:
    """GIVEN a running order and two quotes from before the revision 0005, of which the order names one."""
    migrate(empty_url, "0004")
    first = layout(empty_url)
    named, unnamed = uuid4(), uuid4()
    with psycopg.connect(empty_url) as connection:
        for id in (named, unnamed):
            connection.execute(
                "INSERT INTO quotes (id, client_id, slippage_bps, quote, decision) SELECT %s, id, 50, '{}', '{}'"
                " FROM clients",
                (id,),
            )
        connection.execute(BEFORE_0005, (uuid4(), named))
        connection.execute("UPDATE orders SET woken_at = now() - interval '10 minutes'")
    migrate(empty_url)
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT enqueued_at = woken_at, enqueue_count FROM orders").fetchall() == [(True, 0)]
        assert connection.execute("SELECT id FROM quotes WHERE named").fetchall() == [(named,)]
        # What the version before does, while both run.
        connection.execute(BEFORE_0005, (uuid4(), unnamed))
        connection.execute("UPDATE orders SET woken_at = now()")
    database = Database(empty_url)
    database.execute("UPDATE quotes SET created_at = now() - interval '1 day'")
    assert PostgresQuoteStore(database).delete_expired(10) == 0
    database.close()
    downgrade(empty_url, "0004")
    assert layout(empty_url) == first


def test_an_index_that_was_built_before_its_migration_stays(empty_url: str) -> None:
    migrate(empty_url, "0008")
    with psycopg.connect(empty_url, autocommit=True) as connection:
        connection.execute("CREATE INDEX CONCURRENTLY orders_running ON orders (id) WHERE status IN ('pending')")
    migrate(empty_url)
    indexes = [row for row in layout(empty_url) if row[0] in ("orders_running", "orders_by_status")]
    assert [name for name, _ in indexes] == ["orders_running"]
    assert "submitted" not in indexes[0][1]


def test_the_index_of_running_orders_has_each_status_in_which_an_order_runs(empty_url: str) -> None:
    migrate(empty_url)
    (definition,) = (row[1] for row in layout(empty_url) if row[0] == "orders_running")
    assert set(re.findall("'(.*?)'", definition)) == RUNNING


def test_the_indexes_of_before_come_back(empty_url: str) -> None:
    migrate(empty_url, "0008")
    first = layout(empty_url)
    migrate(empty_url)
    downgrade(empty_url, "0008")
    assert layout(empty_url) == first


def test_a_later_schema_stays_when_its_deployment_is_rolled_back(empty_url: str) -> None:
    migrate(empty_url, others=MIGRATIONS)
    with psycopg.connect(empty_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = layout(empty_url)
    migrate(empty_url, others=MIGRATIONS)
    assert layout(empty_url) == before
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


def test_a_failing_migration_leaves_the_database_as_it_was(empty_url: str) -> None:
    with psycopg.connect(empty_url) as connection:
        connection.execute("CREATE TABLE quotes (in_the_way integer)")
    with pytest.raises(Exception, match="quotes"):
        migrate(empty_url, others=MIGRATIONS)
    assert tables(empty_url) == {"quotes"}


def test_a_market_from_before_it_had_migrations_of_its_own_is_kept(empty_url: str) -> None:
    migrate(empty_url, others=MIGRATIONS)
    before = layout(empty_url)
    with psycopg.connect(empty_url) as connection:
        connection.execute("DROP TABLE simulation_version, market_mints")
        connection.execute("INSERT INTO market_faults VALUES ('raydium', 'quote', 'fail', 1)")
    migrate(empty_url, others=MIGRATIONS)
    assert layout(empty_url) == before
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT percent FROM market_faults").fetchall() == [(100,)]


def test_setting_the_market_up_again_keeps_the_pools(database: Database) -> None:
    before = pools(database)
    gone, moved = "raydium-amm:SOL-USDC", "raydium-cp:SOL-USDC"
    state = before[moved].swap(10**9, True, 0)[1]
    store(database, moved, state)
    database.execute("DELETE FROM market_pools WHERE id = %(id)s", {"id": gone})
    create_pools(database)
    assert pools(database) == {**before, moved: state}


ORDER: dict[str, Any] = {
    "client_id": UUID(int=0),
    "type": "market",
    "token_in": "SOL",
    "token_out": "USDC",
    "amount_in": 1,
    "slippage_bps": 50,
}


def insert_order(connection: psycopg.Connection[Any], **changes: Any) -> Any:
    order = {"id": uuid4(), **ORDER, **changes}
    names, values = ", ".join(order), ", ".join(f"%({name})s" for name in order)
    connection.execute(f"INSERT INTO orders ({names}) VALUES ({values})".encode(), order)
    return order["id"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"amount_in": 0}, errors.CheckViolation),
        ({"amount_in": -1}, errors.CheckViolation),
        ({"amount_in": 10**20}, errors.NumericValueOutOfRange),
        ({"amount_in": None}, errors.NotNullViolation),
        ({"slippage_bps": -1}, errors.CheckViolation),
        ({"slippage_bps": 10_001}, errors.CheckViolation),
        ({"slippage_bps": None}, errors.NotNullViolation),
        ({"type": None}, errors.NotNullViolation),
        ({"token_in": None}, errors.NotNullViolation),
        ({"token_out": None}, errors.NotNullViolation),
        ({"status": None}, errors.NotNullViolation),
        ({"amount_out": 9, "min_out": 10}, errors.CheckViolation),
        ({"id": None}, errors.NotNullViolation),
        ({"client_id": None}, errors.NotNullViolation),
        ({"client_id": UUID(int=9)}, errors.ForeignKeyViolation),
    ],
)
def test_an_impossible_order_is_refused(
    connection: psycopg.Connection[Any], change: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        insert_order(connection, **change)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"slippage_bps": 0},
        {"slippage_bps": 10_000},
        {"amount_in": 2**64 - 1},
        {"amount_out": 10, "min_out": 10},
    ],
)
def test_an_order_at_the_limits_is_accepted(connection: psycopg.Connection[Any], change: dict[str, Any]) -> None:
    insert_order(connection, **change)


def test_an_order_id_is_unique(connection: psycopg.Connection[Any]) -> None:
    id = insert_order(connection)
    with pytest.raises(errors.UniqueViolation):
        insert_order(connection, id=id)


def test_a_transaction_belongs_to_one_order(connection: psycopg.Connection[Any]) -> None:
    insert_order(connection, tx_hash="signature")
    with pytest.raises(errors.UniqueViolation):
        insert_order(connection, tx_hash="signature")


EVENT = "INSERT INTO order_events (order_id, seq, status, at, attempt, data) VALUES (%s, %s, 'pending', now(), 1, '{}')"


def test_a_seq_is_unique_within_an_order(connection: psycopg.Connection[Any]) -> None:
    id = insert_order(connection)
    connection.execute(EVENT, (id, 1))
    with pytest.raises(errors.UniqueViolation):
        connection.execute(EVENT, (id, 1))


def test_an_event_needs_an_order(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        connection.execute(EVENT, (uuid4(), 1))


def test_a_subscription_needs_an_order(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        connection.execute("INSERT INTO subscriptions VALUES ('c', %s)", (uuid4(),))


def test_an_order_with_events_can_not_be_deleted(connection: psycopg.Connection[Any]) -> None:
    id = insert_order(connection)
    connection.execute(EVENT, (id, 1))
    with pytest.raises(errors.ForeignKeyViolation):
        connection.execute("DELETE FROM orders")


def test_an_orders_quote_must_exist(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(errors.ForeignKeyViolation):
        insert_order(connection, quote_id=uuid4())


def test_a_quote_that_an_order_names_can_not_be_deleted(connection: psycopg.Connection[Any]) -> None:
    id = uuid4()
    connection.execute(
        "INSERT INTO quotes (id, client_id, slippage_bps, quote, decision)"
        " SELECT %s, id, 50, '{}', '{}' FROM clients LIMIT 1",
        (id,),
    )
    insert_order(connection, quote_id=id)
    with pytest.raises(errors.ForeignKeyViolation):
        connection.execute("DELETE FROM quotes")


LANDING = "INSERT INTO market_transactions (signature, slot, landed_at, amount_in, amount_out, swapped, swaps) VALUES "


def test_landed_transactions_are_numbered_in_order(connection: psycopg.Connection[Any]) -> None:
    for signature in "bac":
        connection.execute((LANDING + f"('{signature}', 1, 1, 1, 1, true, '[]')").encode())
    rows = connection.execute("SELECT signature FROM market_transactions ORDER BY position").fetchall()
    assert rows == [("b",), ("a",), ("c",)]


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("INSERT INTO market_pools SELECT * FROM market_pools", errors.UniqueViolation),
        ("UPDATE market_pools SET state = NULL", errors.NotNullViolation),
        ("UPDATE market_pools SET state = 'no json'", errors.InvalidTextRepresentation),
        ("UPDATE market_pools SET version = NULL", errors.NotNullViolation),
        ("INSERT INTO market_faults VALUES ('raydium', 'quote', 'fail', 0)", errors.CheckViolation),
        (
            "INSERT INTO market_faults VALUES ('raydium', 'quote', 'fail', 1), ('raydium', 'quote', 'timeout', 1)",
            errors.UniqueViolation,
        ),
        ("INSERT INTO market_faults VALUES ('raydium', 'quote', 'fail', 1, 0)", errors.CheckViolation),
        ("INSERT INTO market_faults VALUES ('raydium', 'quote', 'fail', 1, 101)", errors.CheckViolation),
        (LANDING + "('s', 1, 1, 1, 1, true, '[]'), ('s', 2, 2, 2, 2, true, '[]')", errors.UniqueViolation),
        (LANDING + "('s', 1, 1, 1, -1e20, true, '[]')", errors.NumericValueOutOfRange),
        (LANDING + "('s', NULL, 1, 1, 1, true, '[]')", errors.NotNullViolation),
    ],
)
def test_the_market_tables_refuse_impossible_values(
    connection: psycopg.Connection[Any], statement: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        connection.execute(statement.encode())
