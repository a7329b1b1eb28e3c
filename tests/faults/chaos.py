"""Kills what the engine runs on at random moments, and restarts it like an operator or AWS."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import redis

from tests.faults.arena import Arena
from tests.support.stack import START_SECONDS, Stack, family, survivors

KINDS = {
    "a function": 10,
    "the watcher": 3,
    "the emulator": 2,
    "everything": 1,
    "Redis": 3,
    "Redis, stopped": 2,
    "Postgres": 3,
}
"""The weight of each kind of kill."""

DOWN = (0.5, 3.0)
"""The shortest and longest downtime of a store in seconds."""


@dataclass(frozen=True)
class Store:
    """A server that can be killed with its children and started again with the same command."""

    process: psutil.Process
    command: list[str]
    folder: str
    environment: dict[str, str]
    user: int
    group: int

    @classmethod
    def of(cls, process: psutil.Process, options: list[str] | None = None) -> Store:
        """Returns the store of a process. `options` replace its command line if the process has changed it."""
        command = process.cmdline() if options is None else [process.exe(), *options]
        user, group = process.uids().real, process.gids().real
        return cls(process, command, process.cwd(), process.environ(), user, group)

    def kill(self) -> None:
        everything = family(self.process)
        for process in everything:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert survivors(everything) == []

    def start(self, answers: Callable[[], bool]) -> int:
        """Starts it until it answers, because it refuses while the killed process is a zombie. Returns its id."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            process = self._start()
            while process.poll() is None:
                if answers():
                    return process.pid
                time.sleep(0.02)
            time.sleep(0.1)
        raise AssertionError(f"expected a store that starts, was {self.command}")

    def _start(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environment,
            user=self.user,
            group=self.group,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # Reaps it when it ends.
        threading.Thread(target=process.wait, daemon=True).start()
        return process


@dataclass
class Chaos:
    """Kills and restarts. `stack` is the current stack, or the last one while none runs."""

    data: Path
    arena: Arena
    chance: random.Random
    stack: Stack = field(init=False)
    kills: Counter[str] = field(default_factory=Counter)
    down: float = 0.0

    def __post_init__(self) -> None:
        self.stack = Stack(self.data, *self.arena.options)

    async def reign(self, kills: int, seconds: float) -> None:
        """Makes `kills` kills within about `seconds`, one after the other. Everything runs again when it returns."""
        weights = KINDS | {kind: weight for kind, (weight, _) in self.arena.kills.items()}
        kinds = self.chance.choices(list(weights), list(weights.values()), k=kills)
        # Each of these is killed at least once.
        certain = [*self.arena.kills, "Postgres", "the emulator", "the watcher", "Redis", "a function"][:kills]
        kinds[: len(certain)] = certain
        self.chance.shuffle(kinds)
        for kind in kinds:
            await asyncio.sleep(self.chance.expovariate(kills / seconds))
            started = time.monotonic()
            await asyncio.to_thread(self._kill, kind)
            self.kills[kind] += 1
            if kind not in ("a function", "the watcher"):
                self.down += time.monotonic() - started

    def end(self) -> None:
        """Kills every process."""
        self.stack.abandon()

    def _kill(self, kind: str) -> None:
        match kind:
            case "a function":
                with suppress(psutil.NoSuchProcess):
                    self.chance.choice(self._environments()).kill()
            case "the watcher":
                log = (self.data / "logs" / "WatchFunction.log").resolve()
                for process in self._environments():
                    # It may have ended meanwhile.
                    with suppress(psutil.NoSuchProcess, OSError):
                        if Path(f"/proc/{process.pid}/fd/1").readlink() == log:
                            process.kill()
            case "the emulator":
                self._kill_emulator()
                self.stack = Stack(self.data, *self.arena.options)
            case "Redis, stopped":
                _, store = self.stack.stores()
                store.send_signal(signal.SIGSTOP)
                time.sleep(self.chance.uniform(*DOWN))
                store.send_signal(signal.SIGCONT)
            case "Redis":
                _, process = self.stack.stores()
                folder, port = self.data / "redis", str(urlsplit(self.stack.parameters["RedisUrl"]).port)
                options = [str(folder / "redis.conf"), "--port", port, "--bind", "127.0.0.1"]
                options += ["--dir", str(folder), "--appendonly", "yes"]
                pid = self._restart(Store.of(process, options), lambda: redis_answers(self.stack))
                (folder / "redis.pid").write_text(str(pid))
            case "Postgres":
                process, _ = self.stack.stores()
                self._restart(Store.of(process), lambda: postgres_answers(self.stack))
            case "everything":
                running = [Store.of(process) for process in self.stack.stores()]
                self._kill_emulator()
                for killed in running:
                    killed.kill()
                self.arena.restart()
                while any(psutil.pid_exists(killed.process.pid) for killed in running):
                    time.sleep(0.02)
                # The emulator starts its stores.
                self.stack = Stack(self.data, *self.arena.options)
            case _:
                _, kill = self.arena.kills[kind]
                kill(self.chance)

    def _environments(self) -> list[psutil.Process]:
        """The processes that run functions."""
        stores = self.stack.stores()
        servers = [child for child in psutil.Process(self.stack.process.pid).children() if child not in stores]
        return sorted((child for server in servers for child in server.children()), key=lambda process: process.pid)

    def _kill_emulator(self) -> None:
        self.stack.process.send_signal(signal.SIGSTOP)
        stores = [process for store in self.stack.stores() for process in family(store)]
        others = [process for process in self.stack.processes() if process not in stores]
        self.stack.process.kill()
        self.stack.process.communicate()
        assert survivors(others) == []

    def _restart(self, store: Store, answers: Callable[[], bool]) -> int:
        store.kill()
        time.sleep(self.chance.uniform(*DOWN))
        return store.start(answers)


def redis_answers(stack: Stack) -> bool:
    try:
        return bool(redis.Redis.from_url(stack.parameters["RedisUrl"]).ping())
    except redis.RedisError:
        return False


def postgres_answers(stack: Stack) -> bool:
    try:
        psycopg.connect(stack.parameters["DatabaseUrl"]).close()
    except psycopg.OperationalError:
        return False
    return True
