"""What a stack has used so far: CPU and memory by kind of process, and what its stores have counted."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import redis


def processes(stack: dict[str, Any]) -> Iterator[tuple[str, psutil.Process]]:
    """The stack's processes, each with its kind: `emulator`, `functions`, `localnet`, `postgres` or `redis`."""
    emulator = psutil.Process(stack["pid"])
    yield "emulator", emulator
    for process in emulator.children(recursive=True):
        with suppress(psutil.Error):
            if '"handler"' in " ".join(process.cmdline()):
                yield "functions", process
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            # The embedded stores and the localnet run in their folders below the data.
            if Path(process.cwd()).is_relative_to(stack["data"]):
                other = "localnet" if "localnet" in process.cmdline() else "redis"
                yield "postgres" if process.name() == "postgres" else other, process


def cpu_seconds(stack: dict[str, Any]) -> dict[str, float]:
    """User and system time of the processes that are running, by kind."""
    used: defaultdict[str, float] = defaultdict(float)
    for kind, process in processes(stack):
        with suppress(psutil.Error):
            times = process.cpu_times()
            used[kind] += times.user + times.system
    return dict(used)


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
