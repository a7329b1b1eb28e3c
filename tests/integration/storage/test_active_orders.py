from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from emulator import stores
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.storage import redis_client
from order_engine.storage.active_orders import TTL_SECONDS, RedisActiveOrders
from tests.support.concurrency import eventually
from tests.support.network import closed_port, silent_port


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def active_orders(redis_url: str, warnings: list[str]) -> RedisActiveOrders:
    return RedisActiveOrders(redis_url, warnings.append)


def event(status: Status = Status.ROUTING, seq: int = 2) -> Event:
    return Event(uuid7(), seq, status, datetime(2026, 1, 31, 12, tzinfo=UTC), 1, {"venue": "raydium"})


@pytest.mark.parametrize("status", sorted(RUNNING))
def test_a_running_order_is_shown(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str], status: Status
) -> None:
    shown = event(status)
    active_orders.show(shown)
    assert active_orders.get(shown.order_id) == shown
    assert client.exists(f"active_order:{shown.order_id}")
    assert warnings == []


def test_the_newest_event_is_shown(active_orders: RedisActiveOrders) -> None:
    first = event()
    second = Event(first.order_id, 3, Status.BUILDING, first.at, 1, {})
    active_orders.show(first)
    active_orders.show(second)
    assert active_orders.get(first.order_id) == second


@pytest.mark.parametrize("status", sorted(set(Status) - RUNNING))
def test_an_order_that_has_ended_or_is_open_is_removed(
    active_orders: RedisActiveOrders, client: redis.Redis, status: Status
) -> None:
    shown = event()
    active_orders.show(shown)
    active_orders.show(Event(shown.order_id, 5, status, shown.at, 1, {}))
    assert active_orders.get(shown.order_id) is None
    assert not client.exists(f"active_order:{shown.order_id}")


def test_an_order_that_does_not_move_expires(active_orders: RedisActiveOrders, client: redis.Redis) -> None:
    shown = event()
    active_orders.show(shown)
    left = client.ttl(f"active_order:{shown.order_id}")
    assert isinstance(left, int)
    assert 0 < left <= TTL_SECONDS
    client.expire(f"active_order:{shown.order_id}", 10)
    active_orders.show(shown)
    renewed = client.ttl(f"active_order:{shown.order_id}")
    assert isinstance(renewed, int)
    assert renewed > 10


def test_an_inactive_order_is_not_found(active_orders: RedisActiveOrders) -> None:
    assert active_orders.get(uuid4()) is None


def test_a_reachable_redis_answers_the_ping(active_orders: RedisActiveOrders) -> None:
    active_orders.ping()


def test_losing_redis_costs_only_the_view(tmp_path: Path, warnings: list[str]) -> None:
    with stores.redis(tmp_path / "redis") as url:
        active_orders = RedisActiveOrders(url, warnings.append)
        active_orders.show(event())
        assert warnings == []
    started = time.monotonic()
    active_orders.show(event())
    active_orders.show(event(Status.CONFIRMED))
    assert time.monotonic() - started < 2
    assert len(warnings) == 2
    assert all(warning.startswith("active order not shown: ") for warning in warnings)
    with pytest.raises(redis.RedisError):
        active_orders.ping()


def test_a_lost_connection_is_opened_again(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    shown = event()
    active_orders.show(shown)
    client.client_kill_filter(_type="normal", skipme=True)
    active_orders.show(Event(shown.order_id, 5, Status.CONFIRMED, shown.at, 1, {}))
    assert warnings == []
    assert not client.exists(f"active_order:{shown.order_id}")


def test_an_unreachable_redis_is_abandoned_at_once(warnings: list[str]) -> None:
    with closed_port() as port:
        started = time.monotonic()
        RedisActiveOrders(f"redis://127.0.0.1:{port}/0", warnings.append).show(event())
        assert time.monotonic() - started < 2
    assert len(warnings) == 1


def test_a_silent_redis_is_abandoned_after_the_timeout(warnings: list[str]) -> None:
    with silent_port() as port:
        started = time.monotonic()
        RedisActiveOrders(f"redis://127.0.0.1:{port}/0", warnings.append).show(event())
        assert time.monotonic() - started < 3
    assert len(warnings) == 1


def test_a_connection_that_the_server_closed_is_replaced(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    active_orders.ping()
    client.client_kill_filter(_type="normal", skipme=True)
    shown = event()
    active_orders.show(shown)
    assert active_orders.get(shown.order_id) == shown
    assert warnings == []


def test_no_order_waits_for_redis(active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]) -> None:
    active_orders.ping()
    client.client_pause(1_000)
    started = time.monotonic()
    active_orders.show(event())
    assert time.monotonic() - started < redis_client.TIMEOUT_SECONDS
    assert warnings == []
    # THEN the next event waits for the reply to this one, but not for long
    active_orders.show(event())
    assert 1 <= len(warnings) <= 2
    client.client_unpause()
    shown = event()
    active_orders.show(shown)
    assert active_orders.get(shown.order_id) == shown


def test_what_redis_refuses_is_logged_with_the_next_event(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    client.config_set("maxmemory", 1)
    refused, shown = event(), event()
    active_orders.show(refused)
    eventually(lambda: client.info("errorstats").get("errorstat_OOM"))
    client.config_set("maxmemory", 0)
    assert warnings == []
    active_orders.show(shown)
    (warning,) = warnings
    assert warning.startswith("active order not shown: ")
    assert "used memory > 'maxmemory'" in warning
    assert active_orders.get(refused.order_id) is None
    assert active_orders.get(shown.order_id) == shown


@pytest.mark.parametrize(("trusted", "tried"), [(60, 0), (0.01, 1)])
def test_a_connection_that_was_idle_for_long_is_tried_out_first(
    redis_url: str, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, trusted: float, tried: int
) -> None:
    def pings() -> int:
        return int(client.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"])

    monkeypatch.setattr(redis_client, "TRUSTED_SECONDS", trusted)
    connection = redis_client.connection.__wrapped__(redis_url)
    connection.ask("GET", "a")
    before = pings()
    time.sleep(0.05)
    connection.ask("GET", "a")
    assert pings() == before + tried
    connection.close()
