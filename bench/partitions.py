"""Measures what the partitions of order_events cost an order: the same statements on databases that differ only there.

The databases take turns on one Postgres: without partitions (revision 0003), with those of `make run`, and with a
year's and ten years' more. Then it measures how long the migration takes.
"""

from __future__ import annotations

import time
from collections import defaultdict
from statistics import median

import psycopg
from psycopg.conninfo import make_conninfo

from bench.service_times import one_order
from bench.stack import data_folder
from bench.table import print_table
from emulator import stores
from order_engine.domain.access import KEY_PREFIX, new_secret
from order_engine.storage.clients import PostgresClientStore
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.schema import migrate

MORE_DAYS = (0, 365, 3650)
TURNS, ORDERS = 40, 10
EVENTS = 1_000_000

_MORE = """
    DO $$ DECLARE day date; BEGIN
        FOR day IN SELECT current_date - n FROM generate_series(%d, %d) AS n LOOP
            EXECUTE format('CREATE TABLE %%I PARTITION OF order_events FOR VALUES FROM (%%L) TO (%%L)',
                           'order_events_' || to_char(day, 'YYYYMMDD'), first_id(day), first_id(day + 1));
        END LOOP;
    END $$"""

_FILL = """
    WITH made AS (
        INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, status)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n * 1000), 12, '0')
                || '7' || substr(md5(n::text), 1, 19))::uuid,
               '00000000-0000-0000-0000-000000000000', 'market', 'SOL', 'USDC', 1, 50, 'confirmed'
        FROM generate_series(1, %d) AS n RETURNING id
    )
    INSERT INTO order_events
    SELECT id, seq, 'confirmed', now(), 1, jsonb_build_object('padding', repeat(md5(id::text), 20))
    FROM made, generate_series(1, 5) AS seq"""


def database(server: str, name: str, revision: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = make_conninfo(server, dbname=name)
    migrate(url, revision)
    PostgresClientStore(Database(url)).add_key("development", new_secret(KEY_PREFIX))
    return url


def compare(server: str) -> None:
    urls = {"none": database(server, "none", "0003")}
    for days in MORE_DAYS:
        urls[f"{9 + days}"] = url = database(server, f"days_{days}", "head")
        # In steps, because a transaction holds a lock for each table that it creates.
        with psycopg.connect(url, autocommit=True) as connection:
            for first in range(1, days + 1, 500):
                connection.execute((_MORE % (first, min(first + 499, days))).encode())
    databases = {name: Database(url) for name, url in urls.items()}
    taken: dict[str, defaultdict[str, list[float]]] = {name: defaultdict(list) for name in urls}
    for turn in range(TURNS + 1):
        for name, own in databases.items():
            for _ in range(ORDERS):
                for statement, seconds in one_order(own, PostgresOrderStore(own)):
                    if turn:  # the first turn warms up
                        taken[name][statement].append(seconds)
    statements = ("insert", "move", "events")
    plain = {statement: median(taken["none"][statement]) for statement in statements}
    rows = []
    for name, of in taken.items():
        medians = {statement: median(of[statement]) for statement in statements}
        cells = (
            f"{medians[statement] * 1e6:.0f} ({medians[statement] / plain[statement]:.2f})" for statement in statements
        )
        rows.append([name, *cells])
    print_table(["partitions", "a new order, µs (ratio)", "a move", "reading the events"], rows)
    for own in databases.values():
        own.close()


def upgrade(server: str) -> None:
    url = database(server, "old", "0003")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute((_FILL % (EVENTS // 5)).encode())
        row = connection.execute("SELECT pg_total_relation_size('order_events')").fetchone()
    assert row is not None
    started = time.perf_counter()
    migrate(url)
    seconds = time.perf_counter() - started
    print(f"\nThe migration turns {EVENTS} events in {row[0] / 2**20:.0f} MiB into a partition in {seconds:.2f} s")


def main() -> None:
    with data_folder() as folder, stores.postgres(folder / "postgres") as server:
        compare(server)
        upgrade(server)


if __name__ == "__main__":
    main()
