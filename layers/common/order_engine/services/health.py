"""Checks whether the services that the engine depends on answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any


class Health:
    """Runs named checks. If the check named `authority` fails, the service is down; if another fails, degraded."""

    def __init__(self, checks: Mapping[str, Callable[[], object]], authority: str) -> None:
        self._checks = checks
        self._authority = authority

    def report(self) -> dict[str, Any]:
        """`status` is `up`, `degraded` or `down`; each check has its own, and its latency in milliseconds."""
        results = {name: _result(check) for name, check in self._checks.items()}
        down = {name for name, result in results.items() if result["status"] == "down"}
        status = "down" if self._authority in down else "degraded" if down else "up"
        return {"status": status, "checks": results}


def _result(check: Callable[[], object]) -> dict[str, Any]:
    started = time.perf_counter()
    result: dict[str, Any] = {"status": "up"}
    try:
        check()
    except Exception as error:
        result = {"status": "down", "error": type(error).__name__}
    return {**result, "latencyMs": round((time.perf_counter() - started) * 1000, 1)}
