"""What several of the tests on real stores need."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from order_engine.domain.access import Caller
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status, Trigger
from order_engine.domain.orders import Event, Order, OrderRequest
from order_engine.notifications import ConnectionGone, ConnectionRefused
from order_engine.storage.database import Database
from order_engine.storage.orders import LEASE_SECONDS, OrderStore
from order_engine.venues import simulated

T = TypeVar("T")

REQUEST = OrderRequest("market", "SOL", "USDC", 1_500_000_000)
RUN = "run-1"
CALLER = Caller(UUID(int=1), UUID(int=2))
CLIENT = CALLER.client_id
OTHER = Caller(UUID(int=3), UUID(int=4))
"""Two clients with a key each, in every clean database."""

_TABLES = (
    *("subscriptions", "order_events", "orders", "quotes", "connections", "tickets", "api_keys", "market_faults"),
    *("market_transactions", "market_pools"),
)
LEASE = LEASE_SECONDS

PATHS: dict[Status, list[Trigger]] = {
    Status.PENDING: [],
    Status.ROUTING: [Trigger.QUOTED],
    Status.BUILDING: [Trigger.QUOTED, Trigger.BUILT],
    Status.SUBMITTED: [Trigger.QUOTED, Trigger.BUILT, Trigger.SENT],
    Status.CONFIRMED: [Trigger.QUOTED, Trigger.BUILT, Trigger.SENT, Trigger.FILLED],
    Status.FAILED: [Trigger.GAVE_UP],
    Status.CANCELLED: [Trigger.CALLED_OFF],
}
"""How an order gets to each status."""


def new_database(postgres_url: str) -> str:
    """The URL of an empty database on the same server."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        # No test pulls the plug, and a busy disk would be most of what they wait for.
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off".encode())
    return make_conninfo(postgres_url, dbname=name)


def clean(url: str) -> None:
    """Leaves a migrated database without an order, with the market as it is first set up, and with two clients."""
    database = Database(url)
    database.execute("; ".join(f"DELETE FROM {table}" for table in _TABLES))
    database.execute(f"DELETE FROM clients WHERE id <> '{UUID(int=0)}'")
    simulated.set_up(database)
    for name, caller in (("client", CALLER), ("other", OTHER)):
        database.execute(
            "INSERT INTO clients (id, name) VALUES (%(id)s, %(name)s)", {"id": caller.client_id, "name": name}
        )
        database.execute(
            "INSERT INTO api_keys (id, client_id, prefix, hash) VALUES (%(id)s, %(client)s, '', %(hash)s)",
            {"id": caller.key_id, "client": caller.client_id, "hash": name.encode()},
        )
    database.close()


def new_order(orders: OrderStore, request: OrderRequest = REQUEST, connection_id: str | None = None) -> Order:
    return orders.insert(uuid7(), CLIENT, request, {}, connection_id)


def claimed(orders: OrderStore, run: str = RUN, request: OrderRequest = REQUEST) -> Order:
    order = orders.claim(new_order(orders, request).id, run, LEASE)
    assert order is not None
    return order


def brought_to(orders: OrderStore, status: Status, attempt: int = 1) -> Order:
    """A new order, moved to a status by `RUN`. One that no move has led to is of the first attempt."""
    order = claimed(orders)
    for trigger in PATHS[status]:
        assert orders.move(order.id, RUN, trigger, attempt, {}) is not None
    order = orders.get(order.id)
    assert order.status is status
    return order


def seqs(events: Sequence[Event]) -> list[int]:
    return [event.seq for event in events]


def at_once(count: int, call: Callable[[int], T]) -> list[T]:
    """Calls it with 0 … count − 1, each in a thread, all at the same moment. Raises what any of them raised."""
    barrier = threading.Barrier(count)
    answers: list[Future[T]] = [Future() for _ in range(count)]

    def start(number: int) -> None:
        try:
            barrier.wait(30)
            answers[number].set_result(call(number))
        except BaseException as error:
            answers[number].set_exception(error)

    for number in range(count):
        # Not waited for at the end: one that hangs fails its test, and holds up no other.
        threading.Thread(target=start, args=(number,), daemon=True).start()
    return [answer.result(60) for answer in answers]


def eventually(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """The condition's first true value."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"not within {seconds:g} s"
        time.sleep(0.005)
    return value


def terminate(database: Database, admin: Database) -> None:
    """Has the server close the connection of `database`."""
    (row,) = database.fetch("SELECT pg_backend_pid() AS pid")
    (answer,) = admin.fetch("SELECT pg_terminate_backend(%(pid)s, 10000) AS gone", row)
    assert answer["gone"]


@dataclass
class Connections:
    """WebSocket connections that keep what they are sent.

    Those in `gone` and `refusing` take nothing, those in `lasting` can't be closed.
    """

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    lasting: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        if connection_id in self.gone:
            raise ConnectionGone(connection_id)
        if connection_id in self.refusing:
            raise ConnectionRefused("expected status 200, was 500")
        self.sent.append((connection_id, message))

    def is_open(self, connection_id: str) -> bool:
        return connection_id not in self.gone

    def close(self, connection_id: str) -> None:
        if connection_id in self.lasting:
            raise ConnectionRefused("expected status 204 or 410, was 500")
        self.closed.append(connection_id)

    def to(self, connection_id: str) -> list[dict[str, Any]]:
        return [message for to, message in self.sent if to == connection_id]


class UnreliableLine:
    """A way to Postgres that can lose an answer: the server has done its work, and the client never hears of it."""

    def __init__(self, postgres_url: str) -> None:
        parameters = psycopg.conninfo.conninfo_to_dict(postgres_url)
        self._server = f"{parameters['host']}/.s.PGSQL.{parameters.get('port', 5432)}"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._losing = threading.Event()
        self.lost = 0
        host, port = self._listening.getsockname()
        self.url = make_conninfo(postgres_url, host=host, port=port, sslmode="disable", gssencmode="disable")
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_next_answer(self) -> None:
        self._losing.set()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        self._end(source, target)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if self._losing.is_set():
                    self._losing.clear()
                    self.lost += 1
                    break
                client.sendall(data)
        self._end(server, client)

    def _end(self, *sockets: socket.socket) -> None:
        for end in sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def unreliable_line(postgres_url: str) -> Iterator[UnreliableLine]:
    line = UnreliableLine(postgres_url)
    try:
        yield line
    finally:
        line.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """A loopback port that nobody listens on, and that nobody can take meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextmanager
def silent_port() -> Iterator[int]:
    """A loopback port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
