"""Which engine a command talks to: the one on the command line or in the environment, or that of `make run`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(".local")


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    key: str | None


def find(url: str | None, key: str | None, data: Path = DATA) -> Target | None:
    """Returns the engine at `url` with `key`; without a URL, the engine on this machine with its key.

    `data` is the data folder of the engine here. Returns `None` if there is no URL and no engine runs here. The key of
    the engine here is never used for another.
    """
    here = _running(data)
    if here is None:
        return Target(url, key) if url else None
    if url is None or url.rstrip("/") == here["rest"]:
        return Target(here["rest"], key or here["parameters"].get("DevelopmentKey") or None)
    return Target(url, key)


def _running(data: Path) -> dict[str, Any] | None:
    with suppress(FileNotFoundError), (data / "running.json").open() as file:
        import fcntl

        try:
            # The emulator holds a lock on this file. After it was killed, another program may listen at its address.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            running: dict[str, Any] = json.load(file)
            return running
    return None
