from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import FINAL, Status, Trigger
from order_engine.simulation.schema import MIGRATIONS
from order_engine.storage.database import Database
from order_engine.storage.event_partitions import AHEAD_DAYS, PostgresEventPartitions
from order_engine.storage.events import SELECT
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.schema import migrate
from order_engine.storage.subscriptions import PostgresSubscriptionStore
from tests.integration.storage.test_schema import downgrade
from tests.support.concurrency import at_once
from tests.support.databases import clean, new_database
from tests.support.orders import CLIENT, LEASE, PATHS, REQUEST, RUN, seqs

DAY = timedelta(days=1)
DEFAULT = "order_events_default"


def id_of(moment: datetime) -> UUID:
    """Returns a UUIDv7 of that moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (uuid7().int & ((1 << 80) - 1)))


def partition_of(day: date) -> str:
    return f"order_events_{day:%Y%m%d}"


class Scene:
    """A database of its own, because the tests add and drop partitions."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database(url)
        self.orders = PostgresOrderStore(self.database)
        self.told: list[Mapping[str, Any]] = []
        # By Postgres' clock, as everything here, because the test may run at midnight.
        self.now: datetime = self.database.fetch("SELECT now() AS now")[0]["now"].astimezone(UTC)
        self.today = self.now.date()

    def maintain(self, retention_days: int = 0) -> None:
        PostgresEventPartitions(self.database, retention_days, lambda _, details: self.told.append(details)).maintain()

    def partitions(self) -> set[str]:
        rows = self.database.fetch(
            "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'order_events'::regclass"
        )
        return {row["name"] for row in rows}

    def holding(self, id: UUID) -> set[str]:
        """Returns the partitions that hold the order's events."""
        rows = self.database.fetch(
            "SELECT DISTINCT tableoid::regclass::text AS name FROM order_events WHERE order_id = %(id)s", {"id": id}
        )
        return {row["name"] for row in rows}

    def make(self, first: date, days: int = 1) -> None:
        """Creates the partitions of that time."""
        for day in (first + n * DAY for n in range(days)):
            self.database.execute(
                "DO $$ BEGIN EXECUTE format('CREATE TABLE %I PARTITION OF order_events FOR VALUES FROM (%L) TO (%L)',"
                f" '{partition_of(day)}', first_id('{day}'), first_id('{day + DAY}')); END $$"
            )

    def ended(self, moment: datetime) -> UUID:
        """Creates an order at that moment and confirms it."""
        id = id_of(moment)
        self.orders.insert(id, CLIENT, REQUEST, {})
        self.orders.claim(id, RUN, LEASE)
        for trigger in PATHS[Status.CONFIRMED]:
            assert self.orders.move(id, RUN, trigger, 1, {}) is not None
        return id


@pytest.fixture(scope="module")
def url(postgres_url: str) -> str:
    url = new_database(postgres_url)
    migrate(url, others=MIGRATIONS)
    return url


@pytest.fixture
def scene(url: str) -> Iterator[Scene]:
    clean(url)
    scene = Scene(url)
    for name in scene.partitions() - {DEFAULT}:
        scene.database.execute(f"DROP TABLE {name}")
    scene.maintain()
    scene.told.clear()
    yield scene
    scene.database.close()


def test_the_coming_days_have_partitions(scene: Scene) -> None:
    days = {partition_of(scene.today + n * DAY) for n in range(AHEAD_DAYS + 1)}
    assert days <= scene.partitions()
    lost = partition_of(scene.today + AHEAD_DAYS * DAY)
    scene.database.execute(f"DROP TABLE {lost}")
    scene.maintain()
    assert scene.told == [{"made": [lost], "dropped": []}]
    scene.maintain()
    assert len(scene.told) == 1


def test_all_events_of_an_order_are_in_the_partition_of_its_day(scene: Scene) -> None:
    for moment in (scene.now, scene.now + DAY, scene.now + AHEAD_DAYS * DAY):
        id = scene.ended(moment)
        assert scene.holding(id) == {partition_of(moment.date())}
        assert seqs(scene.orders.events(id)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("days", [-20_000, -1, AHEAD_DAYS + 1, 100_000])
def test_an_order_of_a_day_without_a_partition_is_accepted(scene: Scene, days: int) -> None:
    id = scene.ended(scene.now + days * DAY)
    assert scene.holding(id) == {DEFAULT}
    assert seqs(scene.orders.events(id)) == [1, 2, 3, 4, 5]


def test_an_id_without_a_time_is_accepted(scene: Scene) -> None:
    for id in (uuid4(), UUID(int=0), UUID(int=2**128 - 1)):
        scene.orders.insert(id, CLIENT, REQUEST, {})
        assert seqs(scene.orders.events(id)) == [1]


def test_events_that_came_before_their_partition_move_into_it(scene: Scene) -> None:
    """GIVEN an order of a day without a partition, WHEN the day comes near."""
    soon = scene.now + AHEAD_DAYS * DAY
    scene.database.execute(f"DROP TABLE {partition_of(soon.date())}")
    id, later = scene.ended(soon), scene.ended(soon + DAY)
    before = scene.orders.events(id)
    assert scene.holding(id) == scene.holding(later) == {DEFAULT}
    scene.maintain()
    assert scene.holding(id) == {partition_of(soon.date())}
    assert scene.holding(later) == {DEFAULT}
    assert scene.orders.events(id) == before


def test_too_many_events_to_move_at_once_stay_where_they_are(scene: Scene) -> None:
    soon = scene.now + AHEAD_DAYS * DAY
    scene.database.execute(f"DROP TABLE {partition_of(soon.date())}")
    id = scene.ended(soon)
    scene.database.execute(
        "INSERT INTO order_events SELECT %(id)s, seq, 'pending', now(), 1, '{}' FROM generate_series(6, 10001) AS seq",
        {"id": id},
    )
    scene.maintain()
    assert scene.holding(id) == {DEFAULT}
    assert partition_of(soon.date()) not in scene.partitions()
    scene.database.execute("DELETE FROM order_events WHERE seq > 10000")
    scene.maintain()
    assert scene.holding(id) == {partition_of(soon.date())}


@pytest.mark.parametrize("trigger", list(Trigger))
def test_every_move_finds_the_partition_of_its_order(scene: Scene, trigger: Trigger) -> None:
    """A seq is unique, whichever partition the order is in."""
    id = scene.ended(scene.now)
    with pytest.raises(errors.UniqueViolation):
        scene.database.execute(
            "INSERT INTO order_events VALUES (%(id)s, 5, %(status)s, now(), 1, '{}')", {"id": id, "status": trigger}
        )


def old_days(scene: Scene, days: int) -> list[UUID]:
    """Creates a confirmed order for each of the last days before today, oldest first."""
    first = scene.today - days * DAY
    scene.make(first, days)
    return [scene.ended(scene.now - n * DAY) for n in range(days, 0, -1)]


def test_without_a_retention_nothing_is_dropped(scene: Scene) -> None:
    old = old_days(scene, 3)
    before = scene.partitions()
    scene.maintain(0)
    assert scene.partitions() == before
    assert all(seqs(scene.orders.events(id)) for id in old)


def test_the_oldest_partition_is_dropped_first_and_one_at_a_time(scene: Scene) -> None:
    old = old_days(scene, 5)
    kept = []
    for _ in range(7):
        scene.maintain(2)
        kept.append(sum(bool(scene.orders.events(id)) for id in old))
    # The last events of the orders of 5, 4 and 3 days ago are more than two days old.
    assert kept == [4, 3, 2, 2, 2, 2, 2]
    assert [details["dropped"] for details in scene.told] == [[partition_of(scene.today - n * DAY)] for n in (5, 4, 3)]
    assert [scene.orders.get(id).status for id in old] == [Status.CONFIRMED] * 5


@pytest.mark.parametrize("status", sorted(set(Status) - FINAL))
def test_a_running_order_keeps_the_partition_of_its_day(scene: Scene, status: Status) -> None:
    ended = old_days(scene, 3)[0]
    running = id_of(scene.now - 3 * DAY)
    scene.orders.insert(running, CLIENT, REQUEST, {})
    scene.orders.claim(running, RUN, LEASE)
    for trigger in PATHS[status]:
        scene.orders.move(running, RUN, trigger, 1, {})
    before = scene.orders.events(running), scene.orders.events(ended)
    scene.maintain(1)
    assert (scene.orders.events(running), scene.orders.events(ended)) == before


def test_a_running_order_does_not_keep_other_partitions(scene: Scene) -> None:
    oldest, older = old_days(scene, 4)[:2]
    scene.database.execute("UPDATE orders SET status = 'submitted' WHERE id = %(id)s", {"id": oldest})
    scene.maintain(1)
    scene.maintain(1)
    assert scene.orders.events(oldest)
    assert not scene.orders.events(older)
    scene.database.execute("UPDATE orders SET status = 'confirmed'")
    scene.maintain(1)
    assert not scene.orders.events(oldest)


def test_a_partition_with_listeners_is_kept(scene: Scene) -> None:
    """GIVEN a subscription from the time when the order ran, since none is made afterwards."""
    id = old_days(scene, 3)[0]
    subscriptions = PostgresSubscriptionStore(scene.database)
    scene.database.execute("UPDATE orders SET status = 'submitted' WHERE id = %(id)s", {"id": id})
    subscriptions.subscribe("c", CLIENT, id, 0, lambda event: None)
    scene.database.execute("UPDATE orders SET status = 'confirmed' WHERE id = %(id)s", {"id": id})
    scene.maintain(1)
    assert scene.orders.events(id)
    subscriptions.unsubscribe("c", id)
    scene.maintain(1)
    assert not scene.orders.events(id)


def test_the_default_partition_is_never_dropped(scene: Scene) -> None:
    id = scene.ended(scene.now - 1000 * DAY)
    scene.maintain(1)
    assert scene.orders.events(id)


def test_concurrent_sweeps_do_the_work_once(scene: Scene) -> None:
    old = old_days(scene, 3)
    lost = partition_of(scene.today + AHEAD_DAYS * DAY)
    scene.database.execute(f"DROP TABLE {lost}")
    told: list[Mapping[str, Any]] = []

    def sweep(_: int) -> None:
        database = Database(scene.url)
        PostgresEventPartitions(database, 1, lambda _, details: told.append(details)).maintain()
        database.close()

    at_once(8, sweep)
    assert sum(lost in details["made"] for details in told) == 1
    dropped = [name for details in told for name in details["dropped"]]
    assert len(dropped) == len(set(dropped)) >= 1
    scene.maintain(1)
    scene.maintain(1)
    assert [bool(scene.orders.events(id)) for id in old] == [False, False, True]


@pytest.mark.parametrize("statement", ["SELECT FROM order_events", "UPDATE orders SET attempt = attempt"])
def test_a_sweep_that_would_have_to_wait_leaves_the_work_to_the_next(scene: Scene, statement: str) -> None:
    """GIVEN an open transaction that has read events or written orders, WHEN a sweep runs."""
    old_days(scene, 3)
    lost = partition_of(scene.today + AHEAD_DAYS * DAY)
    scene.database.execute(f"DROP TABLE {lost}")
    before = scene.partitions()
    with psycopg.connect(scene.url) as other:
        other.execute(statement.encode())
        other.execute("SELECT FROM order_events")
        scene.maintain(1)
        assert before <= scene.partitions() <= before | {lost}
    scene.maintain(1)
    assert lost in scene.partitions()
    assert partition_of(scene.today - 3 * DAY) not in scene.partitions()


def test_orders_continue_while_partitions_are_created_and_dropped(scene: Scene) -> None:
    old_days(scene, 6)

    def work(number: int) -> None:
        database = Database(scene.url)
        if number:
            orders = PostgresOrderStore(database)
            for _ in range(20):
                id = orders.insert(uuid7(), CLIENT, REQUEST, {}).id
                orders.claim(id, RUN, LEASE)
                for trigger in PATHS[Status.CONFIRMED]:
                    orders.move(id, RUN, trigger, 1, {})
                assert seqs(orders.events(id)) == [1, 2, 3, 4, 5]
        else:
            for day in range(AHEAD_DAYS + 1):
                PostgresEventPartitions(database, 1, lambda _, details: None).maintain()
                if day:
                    database.execute(f"DROP TABLE {partition_of(scene.today + day * DAY)}")
        database.close()

    at_once(4, work)
    rows = scene.database.fetch("SELECT count(*) AS events FROM order_events GROUP BY order_id")
    assert {row["events"] for row in rows} == {5}


@pytest.mark.parametrize(("ahead", "retention"), [(-1, 0), (367, 0), (None, 0), (0, -1), (0, None)])
def test_invalid_numbers_of_days_are_refused(scene: Scene, ahead: int | None, retention: int | None) -> None:
    with pytest.raises(errors.RaiseException, match="expected 0 to 366 days ahead and 0 or more to keep, was"):
        scene.database.fetch("SELECT keep_event_partitions(%(a)s, %(r)s)", {"a": ahead, "r": retention})
    with pytest.raises(ValueError, match="expected 0 or more days"):
        PostgresEventPartitions(scene.database, -1, lambda _, details: None)


def test_the_sql_function_lists_the_statuses_of_orders_that_have_not_ended(scene: Scene) -> None:
    """The function holds them as text, so a new status needs a migration."""
    (row,) = scene.database.fetch("SELECT prosrc FROM pg_proc WHERE proname = 'are_over'")
    assert set(re.findall(r"'(\w+)'", row["prosrc"])) == set(Status) - FINAL


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 250_000_000_000))
def test_an_id_lies_between_the_bounds_of_its_day(scene: Scene, seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    day = moment.date()
    (row,) = scene.database.fetch(
        "SELECT first_id(%(day)s) <= %(id)s AND %(id)s < first_id(%(day)s + 1) AS within",
        {"day": day, "id": id_of(moment)},
    )
    assert row["within"]


def plan(url: str, statement: str, id: UUID, *, generic: bool = False) -> set[str]:
    """Returns the partitions that a statement reads, planned for this order or generically."""
    with psycopg.connect(url, autocommit=True) as connection:
        if generic:
            connection.execute("SET plan_cache_mode = force_generic_plan")
        connection.execute(("PREPARE reading (uuid, integer) AS " + statement % {"id": "$1", "after": "$2"}).encode())
        row = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE reading ('{id}', 0)".encode()).fetchone()
    assert row is not None

    def relations(node: Mapping[str, Any]) -> Iterator[str]:
        if node.get("Actual Loops") and "Relation Name" in node:
            yield node["Relation Name"]
        for child in node.get("Plans", []):
            yield from relations(child)

    return {name for name in relations(row[0][0]["Plan"]) if name.startswith("order_events")}


@pytest.mark.parametrize("generic", [True, False])
def test_reading_an_order_reads_one_partition(scene: Scene, generic: bool) -> None:
    old_days(scene, 10)
    id = scene.ended(scene.now)
    assert plan(scene.url, SELECT, id, generic=generic) == {partition_of(scene.today)}


@pytest.fixture
def stranger(scene: Scene) -> Iterator[str]:
    """The URL of a role that may only read and write the tables."""
    name = f"stranger_{uuid4().hex}"
    with psycopg.connect(scene.url, autocommit=True) as owner:
        role = sql.Identifier(name)
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        owner.execute(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}").format(role))
        try:
            yield make_conninfo(scene.url, user=name)
        finally:
            owner.execute(sql.SQL("DROP OWNED BY {}").format(role))
            owner.execute(sql.SQL("DROP ROLE {}").format(role))


def test_a_role_that_can_not_alter_tables_maintains_the_partitions(scene: Scene, stranger: str) -> None:
    id = old_days(scene, 3)[0]
    database = Database(stranger)
    partitions = PostgresEventPartitions(database, 1, lambda _, details: None)
    with pytest.raises(errors.InsufficientPrivilege):
        partitions.maintain()
    name = psycopg.conninfo.conninfo_to_dict(stranger)["user"]
    scene.database.execute(f"GRANT EXECUTE ON FUNCTION keep_event_partitions TO {name}")
    partitions.maintain()
    assert not PostgresOrderStore(database).events(id)
    assert seqs(PostgresOrderStore(database).events(scene.ended(scene.now))) == [1, 2, 3, 4, 5]
    for statement in (
        "DROP TABLE order_events_default",
        "ALTER TABLE order_events DETACH PARTITION order_events_default",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            database.execute(statement)
    # The function does not use the caller's search path.
    database.execute(
        "CREATE TEMP TABLE event_partitions AS SELECT 'orders' AS name, first_id('1970-01-01') AS first,"
        " first_id('1970-01-02') AS beyond"
    )
    database.execute("SET search_path = pg_temp, public")
    partitions.maintain()
    assert scene.orders.get(id).status is Status.CONFIRMED
    database.close()


COPY = "SELECT * FROM order_events ORDER BY order_id, seq"


@pytest.mark.parametrize("days", [(0,), (-400, -1, 0, 3, 40), ()])
def test_existing_events_survive_upgrade_and_downgrade(postgres_url: str, days: tuple[int, ...]) -> None:
    """GIVEN events of the previous revision, some with ids without a time or of coming days."""
    url = new_database(postgres_url)
    migrate(url, "0003")
    now = datetime.now(UTC)
    ids = [id_of(now + n * DAY) for n in days for _ in range(3)] + [uuid4() for _ in days for _ in range(3)]
    with psycopg.connect(url) as connection:
        for id in ids:
            connection.execute(
                "INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps)"
                " VALUES (%s, %s, 'market', 'SOL', 'USDC', 1, 50)",
                (id, UUID(int=0)),
            )
            connection.execute(
                "INSERT INTO order_events SELECT %s, seq, 'pending', now(), 1, %s FROM generate_series(1, 5) AS seq",
                (id, json.dumps({"id": str(id)})),
            )
    before = rows(url)
    migrate(url, others=MIGRATIONS)
    assert rows(url) == before
    database = Database(url)
    orders = PostgresOrderStore(database)
    for id in ids:
        assert seqs(orders.events(id)) == [1, 2, 3, 4, 5]
        if id.version == 7:
            assert len(plan(url, SELECT, id)) == 1
    PostgresEventPartitions(database, 0, lambda _, details: None).maintain()
    assert rows(url) == before
    new = orders.insert(uuid7(), UUID(int=0), REQUEST, {}).id
    with pytest.raises(errors.UniqueViolation):
        database.execute("INSERT INTO order_events VALUES (%(id)s, 1, 'pending', now(), 1, '{}')", {"id": new})
    before = rows(url)
    database.close()
    downgrade(url, "0003")
    assert rows(url) == before
    migrate(url, others=MIGRATIONS)
    assert rows(url) == before


def test_existing_events_are_dropped_together_when_all_have_expired(postgres_url: str) -> None:
    url = new_database(postgres_url)
    migrate(url, "0003")
    clean_before(url)
    migrate(url, others=MIGRATIONS)
    database = Database(url)
    told: list[Mapping[str, Any]] = []
    partitions = PostgresEventPartitions(database, 1, lambda _, details: told.append(details))
    partitions.maintain()
    assert told == []
    # Two days later.
    database.execute(
        "DO $$ BEGIN ALTER TABLE order_events DETACH PARTITION order_events_before;"
        " EXECUTE format('ALTER TABLE order_events ATTACH PARTITION order_events_before"
        " FOR VALUES FROM (MINVALUE) TO (%L)', first_id(current_date - 2)); END $$"
    )
    database.execute("UPDATE orders SET status = 'confirmed'")
    partitions.maintain()
    assert "order_events_before" in told[-1]["dropped"]
    database.close()


def clean_before(url: str) -> None:
    """Returns the rows with one old order that still runs."""
    id = id_of(datetime(2026, 1, 1, tzinfo=UTC))
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps)"
            " VALUES (%s, %s, 'market', 'SOL', 'USDC', 1, 50)",
            (id, UUID(int=0)),
        )
        connection.execute("INSERT INTO order_events VALUES (%s, 1, 'pending', now(), 1, '{}')", (id,))


def rows(url: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(COPY.encode()).fetchall()
