"""Which engine a command is for: what the command line or the environment says, or the one that `make run` runs."""

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
    """The engine here, whose key goes to no other; `None` if it doesn't run and no URL is given."""
    try:
        here = json.loads(running.read_text())
    except FileNotFoundError:
        return Target(url, key) if url else None
    if url is None or url.rstrip("/") == here["rest"]:
        return Target(here["rest"], key or here["parameters"].get("DevelopmentKey") or None)
    return Target(url, key)
