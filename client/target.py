"""Which engine a command talks to: the one on the command line or in the environment, or that of `make run`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

RUNNING = Path(__file__).resolve().parent.parent / ".local" / "running.json"


@dataclass(frozen=True, slots=True)
class Target:
    url: str
    key: str | None


def find(url: str | None, key: str | None, running: Path = RUNNING) -> Target | None:
    """Returns the engine at `url` with `key`; without a URL, the engine on this machine with its key.

    Returns `None` if there is no URL and no engine runs here. The key of the engine here is never used for another.
    """
    try:
        here = json.loads(running.read_text())
    except FileNotFoundError:
        return Target(url, key) if url else None
    if url is None or url.rstrip("/") == here["rest"]:
        return Target(here["rest"], key or here["parameters"].get("DevelopmentKey") or None)
    return Target(url, key)
