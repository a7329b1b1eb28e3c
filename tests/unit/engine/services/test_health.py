from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from order_engine.services.health import Health

Check = Callable[[], None]


def up() -> None:
    pass


def down() -> None:
    raise TimeoutError


@pytest.mark.parametrize(("postgres", "redis", "queue"), list(product([up, down], repeat=3)))
def test_only_the_authority_brings_the_service_down(postgres: Check, redis: Check, queue: Check) -> None:
    checks = {"postgres": postgres, "redis": redis, "queue": queue}
    report = Health(checks, authority="postgres").report()
    expected = "down" if postgres is down else "degraded" if down in (redis, queue) else "up"
    assert report["status"] == expected
    assert {name: check["status"] == "up" for name, check in report["checks"].items()} == {
        name: check is up for name, check in checks.items()
    }


def test_a_part_that_is_down_shows_its_error_without_its_address() -> None:
    def fail() -> None:
        raise ConnectionError("postgresql://user:password@host")

    (check,) = Health({"postgres": fail}, "postgres").report()["checks"].values()
    assert (check["status"], check["error"]) == ("down", "ConnectionError")
    assert "password" not in str(check)


def test_each_part_has_a_latency_in_milliseconds() -> None:
    (check,) = Health({"postgres": up}, "postgres").report()["checks"].values()
    assert check.keys() == {"status", "latencyMs"}
    assert 0 <= check["latencyMs"] < 10_000
