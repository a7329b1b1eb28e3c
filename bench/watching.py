"""Measures a tick of the watcher on a large order book of which no order is reached."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import NamedTuple, NoReturn
from uuid import UUID

import psutil

from bench.filling import fill_open
from bench.stack import data_folder
from bench.table import print_table
from emulator.stores import postgres
from order_engine.domain import events
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED
from order_engine.domain.money import format_price
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Limit, Stop
from order_engine.domain.tokens import token
from order_engine.services.recurring import Slicing
from order_engine.services.routing import Router, Snapshot
from order_engine.services.sniping import Sniping
from order_engine.services.starting import Starting
from order_engine.services.watching import Watched, Watcher
from order_engine.simulation.faults import Faults
from order_engine.simulation.market import LATENCIES, Market
from order_engine.simulation.pools import MICRO_USD
from order_engine.simulation.schema import MIGRATIONS, create_pools
from order_engine.simulation.venue import SimulatedVenue
from order_engine.storage.database import Database, Parameters, Rows
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.schema import migrate

PAIRS = (
    *(("SOL", "USDC"), ("SOL", "USDT"), ("SOL", "mSOL"), ("RAY", "SOL"), ("RAY", "USDC")),
    *(("BONK", "SOL"), ("BONK", "USDC"), ("JUP", "SOL"), ("JUP", "USDC"), ("USDC", "mSOL")),
)
TICKS = 50
CLIENT = UUID(int=0)


class Meter:
    """The seconds that each part of a tick took."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started


class MeteredDatabase(Database):
    def __init__(self, url: str, meter: Meter) -> None:
        super().__init__(url)
        self._meter = meter

    def fetch(self, statement: str, parameters: Parameters | None = None) -> Rows:
        with self._meter.part("statements"):
            return super().fetch(statement, parameters)


class MeteredRouter(Router):
    def __init__(self, database: Database, meter: Meter) -> None:
        market = Market(database, Faults(database, LATENCIES["instant"].deadline))
        super().__init__(SimulatedVenue(market))
        self._meter = meter

    def read(self, tokens: Iterable[str]) -> Snapshot:
        with self._meter.part("reading the pools"):
            return super().read(tokens)


class Book(NamedTuple):
    """Open orders. A move by `nearest`, a share of the price, reaches the first, and one by `reach` more the last."""

    title: str
    orders: int
    nearest: Decimal = Decimal("0.01")
    reach: float = 0.5


def measure_watching(orders: int) -> None:
    """Prints what a tick takes with no open order, with a hundredth of so many, near ones too, and with all of them."""
    few = orders // 100
    books = (
        Book("0", 0),
        Book(f"{few:,}", few),
        Book(f"{few:,}, all within 0.1 %", few, Decimal("0.0005"), 0.0005),
        Book(f"{orders:,}", orders),
    )
    rows = []
    for book in books:
        with data_folder() as folder, postgres(folder) as url:
            migrate(url, others=MIGRATIONS)
            rows.append([book.title, *(f"{figure:.1f}" for figure in milliseconds_of_a_tick(url, book))])
    parts = ["… statements", "… reading the pools", "… quotes"]
    print_table(["open orders", "a tick, ms", *parts, "CPU, ms", "… of Postgres"], rows)


def milliseconds_of_a_tick(url: str, book: Book) -> Iterator[float]:
    """The median, the means of its parts, and the mean CPU time of the watcher and of its connections to Postgres."""
    meter = Meter()
    database, pools = MeteredDatabase(url, meter), Database(url)
    router = MeteredRouter(pools, meter)
    watcher = new_watcher(database, router)
    create_pools(pools)
    if book.orders:
        open_orders(database, router, book.nearest)
        fill_open(url, book.orders // len(PAIRS) // 2 - 1, book.reach)
    backends = [psutil.Process(one.fetch("SELECT pg_backend_pid() AS pid")[0]["pid"]) for one in (database, pools)]
    for _ in range(5):
        watcher.tick(Watched())
    meter.seconds.clear()
    taken, cpu, of_postgres = [], time.process_time(), cpu_seconds(backends)
    for _ in range(TICKS):
        started, watched = time.perf_counter(), Watched()
        watcher.tick(watched)
        taken.append(time.perf_counter() - started)
        if watched.activated:
            raise RuntimeError(f"expected that no order is reached, were {watched.activated}")
    of_postgres = cpu_seconds(backends) - of_postgres
    cpu = time.process_time() - cpu + of_postgres
    parts = [meter.seconds[name] for name in ("statements", "reading the pools")]
    yield statistics.median(taken) * 1000
    for seconds in (*parts, sum(taken) - sum(parts), cpu, of_postgres):
        yield seconds * 1000 / TICKS
    for one in (database, pools):
        one.close()


def new_watcher(database: Database, router: Router) -> Watcher:
    """A watcher whose orders nobody runs."""
    waiting = PostgresOpenOrders(database)
    starting = Starting(open_orders=waiting, publish=_unexpected, queue=NoQueue(), warn=print)
    slicing = Slicing(open_orders=waiting, starting=starting)
    sniping = Sniping(open_orders=waiting, mints=_unexpected, find_pools=_unexpected, starting=starting, warn=print)
    return Watcher(
        open_orders=waiting,
        router=router,
        starting=starting,
        slicing=slicing,
        sniping=sniping,
        interval=1,
        warn=print,
    )


class NoQueue:
    """An `OrderQueue` of a market that reaches no order."""

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        _unexpected(order_id)

    def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
        _unexpected(published)

    def is_empty(self) -> bool:
        return True


def _unexpected(*arguments: object) -> NoReturn:
    raise RuntimeError(f"expected that no order is reached, was {arguments}")


def open_orders(database: Database, router: Router, nearest: Decimal) -> None:
    """Stores a limit order and a stop of 100 dollars for each pair, which the market reaches by such a move."""
    store, snapshot = PostgresOrderStore(database), router.read({token for pair in PAIRS for token in pair})
    for token_in, token_out in PAIRS:
        amount_in = 100 * 10**6 * 10 ** token(token_in).decimals // MICRO_USD[token_in]
        route = snapshot.quote(token_in, token_out, amount_in, 500)
        assert route is not None
        paid = Decimal(format_price(amount_in, token(token_in), route.amount_out, token(token_out)))
        for type, waits in (("limit", Limit(paid * (1 + nearest))), ("stop", Stop(paid * (1 - nearest)))):
            request = OrderRequest(type, token_in, token_out, amount_in, terms=waits)
            store.insert(uuid7(), CLIENT, request, events.opened(request, SIMULATED))


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))
