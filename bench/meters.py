"""What a stack has used so far: CPU and memory by kind of process, and what its stores have counted."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psutil
import psycopg
import redis


class Part(NamedTuple):
    """A kind of process: `emulator`, `functions`, `localnet`, `postgres` or `redis`; and of `functions`, which one."""

    kind: str
    function: str = ""


ENDED = Part("functions", "ended")
"""What ended as a child of the emulator, which starts and stops only processes of functions while it runs."""


class Times(Protocol):
    """As `psutil.Process.cpu_times` returns them, in seconds. Those of children are of all that ended."""

    @property
    def user(self) -> float: ...
    @property
    def system(self) -> float: ...
    @property
    def children_user(self) -> float: ...
    @property
    def children_system(self) -> float: ...


def processes(stack: dict[str, Any]) -> Iterator[tuple[Part, psutil.Process]]:
    """The stack's processes."""
    emulator = psutil.Process(stack["pid"])
    yield Part("emulator"), emulator
    for process in emulator.children(recursive=True):
        with suppress(psutil.Error):
            yield part(process, Path(stack["data"])), process


def part(process: psutil.Process, data: Path) -> Part:
    """What a process below the emulator belongs to. The embedded stores and the localnet run in folders of the data.

    A function runs in the folder of its code, and what functions share in the root folder.
    """
    folder = Path(process.cwd())
    if not folder.is_relative_to(data):
        return Part("functions", folder.name or "shared")
    if process.name() == "postgres":
        return Part("postgres")
    return Part("localnet" if "localnet" in process.cmdline() else "redis")


def cpu_seconds(stack: dict[str, Any]) -> dict[Part, float]:
    """User and system time of the stack's processes, including those that have ended."""
    taken = []
    for which, process in processes(stack):
        with suppress(psutil.Error):
            taken.append((which, process.cpu_times()))
    return consumed(taken)


def consumed(taken: Iterable[tuple[Part, Times]]) -> dict[Part, float]:
    """The CPU seconds of each part. A process that ended counts for its parent, which is of the same part.

    A parent's time of children includes that of their own ended children, so nothing counts twice.
    """
    seconds: defaultdict[Part, float] = defaultdict(float)
    for which, times in taken:
        seconds[which] += times.user + times.system
        seconds[ENDED if which.kind == "emulator" else which] += times.children_user + times.children_system
    return dict(seconds)


def by_kind(figures: Mapping[Part, float]) -> dict[str, float]:
    """The sums of each kind."""
    sums: defaultdict[str, float] = defaultdict(float)
    for which, figure in figures.items():
        sums[which.kind] += figure
    return dict(sums)


@dataclass(frozen=True)
class Held:
    """Processes, their memory in bytes (proportional set size), and the connections of Postgres' clients."""

    processes: dict[Part, int]
    memory: dict[Part, int]
    connections: int


def held(stack: dict[str, Any]) -> Held:
    counts, memory = Counter[Part](), Counter[Part]()
    for which, process in processes(stack):
        with suppress(psutil.Error):
            figures = process.memory_full_info()
            memory[which] += getattr(figures, "pss", figures.rss)
            counts[which] += 1
    with psycopg.connect(stack["parameters"]["DatabaseUrl"]) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    return Held(counts, memory, row[0])


def store_counters(stack: dict[str, Any]) -> dict[str, float]:
    """Postgres' commits, bytes of log and bytes on disk, and Redis' commands."""
    with psycopg.connect(stack["parameters"]["DatabaseUrl"]) as connection:
        # A backend reports its commits when it has been idle for a second.
        connection.execute("SELECT pg_sleep(1.2)")
        row = connection.execute(
            "SELECT xact_commit::float, (pg_current_wal_lsn() - '0/0')::float, pg_database_size(datname)::float"
            " FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    commits, wal, stored = row
    info: Any = redis.Redis.from_url(stack["parameters"]["RedisUrl"]).info("stats")
    return {"commits": commits, "wal": wal, "bytes": stored, "redis": float(info["total_commands_processed"])}


def rpc_calls(stack: dict[str, Any]) -> Counter[str]:
    """How often each method of the localnet was called, by name; none on the simulated market."""
    url = stack["parameters"].get("SolanaRpcUrl")
    if not url:
        return Counter()
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "localnet_calls"}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as response:
        calls: dict[str, int] = json.load(response)["result"]
    return Counter({method: count for method, count in calls.items() if not method.startswith("localnet_")})
