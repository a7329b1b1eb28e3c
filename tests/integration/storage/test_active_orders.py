from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis

from emulator import stores
from order_engine.domain.events import Event
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.ports import ActiveOrder, Filling
from order_engine.storage import redis_client
from order_engine.storage.active_orders import FILLING_SECONDS, TRUSTED_SECONDS, TTL_SECONDS, RedisActiveOrders
from tests.support.active_orders import shown, trusted
from tests.support.concurrency import eventually
from tests.support.network import closed_port, silent_port

CLIENT = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
KEY = f"active_orders:{CLIENT}"


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        client.delete(KEY)
        yield client


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def active_orders(redis_url: str, client: redis.Redis, warnings: list[str]) -> RedisActiveOrders:
    return RedisActiveOrders(redis_url, warnings.append)


def event(status: Status = Status.PENDING, seq: int = 1, client_id: UUID = CLIENT) -> Event:
    return Event(uuid7(), seq, status, datetime(2026, 1, 31, 12, tzinfo=UTC), 1, {"venue": "raydium"}, client_id)


def filling_of(active_orders: RedisActiveOrders, client_id: UUID = CLIENT) -> Filling:
    filling = active_orders.running(client_id)
    assert isinstance(filling, Filling)
    return filling


# What is shown.


@pytest.mark.parametrize("status", sorted(RUNNING))
def test_a_running_order_is_shown_with_the_event_with_which_it_began(
    active_orders: RedisActiveOrders, warnings: list[str], status: Status
) -> None:
    trusted(active_orders, CLIENT)
    first = event()
    active_orders.show([first])
    newest = replace(first, seq=2, status=status)
    active_orders.show([newest])
    request = newest if status is Status.PENDING else first
    assert active_orders.running(CLIENT) == [ActiveOrder(request, newest)]
    assert warnings == []


def test_events_that_are_published_together_are_shown_like_those_that_are_not(active_orders: RedisActiveOrders) -> None:
    trusted(active_orders, CLIENT)
    first = event()
    newest = replace(first, seq=3, status=Status.BUILDING)
    active_orders.show([first, replace(first, seq=2, status=Status.ROUTING), newest])
    assert active_orders.running(CLIENT) == [ActiveOrder(first, newest)]


def test_an_event_that_was_overtaken_is_not_shown(active_orders: RedisActiveOrders) -> None:
    trusted(active_orders, CLIENT)
    first = event()
    newest = replace(first, seq=11, status=Status.BUILDING)
    active_orders.show([first])
    active_orders.show([newest])
    active_orders.show([replace(first, seq=9, status=Status.ROUTING)])
    assert shown(active_orders, CLIENT) == [newest]


@pytest.mark.parametrize("status", sorted(set(Status) - RUNNING))
def test_an_order_that_has_ended_or_is_open_is_removed(
    active_orders: RedisActiveOrders, client: redis.Redis, status: Status
) -> None:
    trusted(active_orders, CLIENT)
    running = event()
    active_orders.show([running])
    active_orders.show([replace(running, seq=5, status=status)])
    assert shown(active_orders, CLIENT) == []
    assert client.hkeys(KEY) == [":until"]


def test_each_client_sees_its_own_orders_only_and_the_newest_first(active_orders: RedisActiveOrders) -> None:
    other = uuid4()
    for client_id in (CLIENT, other):
        trusted(active_orders, client_id)
    first, second = sorted((event(), event()), key=lambda each: each.order_id)
    others = event(client_id=other)
    for running in (first, others, second):
        active_orders.show([running])
    assert shown(active_orders, CLIENT) == [second, first]
    assert shown(active_orders, other) == [others]


def test_orders_that_do_not_move_expire(active_orders: RedisActiveOrders, client: redis.Redis) -> None:
    running = event()
    active_orders.show([running])
    eventually(lambda: client.exists(KEY))
    left = client.ttl(KEY)
    assert isinstance(left, int)
    assert 0 < left <= TTL_SECONDS
    client.expire(KEY, 10)
    active_orders.show([replace(running, seq=2)])
    active_orders.ping()
    renewed = client.ttl(KEY)
    assert isinstance(renewed, int)
    assert renewed > 10


# When it is believed.


def test_what_was_shown_is_not_believed_until_it_was_filled_from_the_store(active_orders: RedisActiveOrders) -> None:
    known, unknown = sorted((event(), event()), key=lambda each: each.order_id)
    active_orders.show([known])
    filling = filling_of(active_orders)
    active_orders.fill(filling, [ActiveOrder(known, known), ActiveOrder(unknown, unknown)])
    assert shown(active_orders, CLIENT) == [unknown, known]


def test_it_is_believed_for_a_while(active_orders: RedisActiveOrders, client: redis.Redis) -> None:
    trusted(active_orders, CLIENT)
    seconds, _ = client.time()
    ends = int(str(client.hget(KEY, ":until"))) / 1000
    assert seconds < ends <= seconds + TRUSTED_SECONDS
    client.hset(KEY, ":until", seconds * 1000)
    filling_of(active_orders)


def test_a_time_from_before_the_clock_was_set_back_is_not_believed(
    active_orders: RedisActiveOrders, client: redis.Redis
) -> None:
    trusted(active_orders, CLIENT)
    client.hset(KEY, ":until", int(time.time() * 1000) + 3_600_000)
    filling_of(active_orders)


def test_a_redis_that_lost_everything_is_not_believed(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    trusted(active_orders, CLIENT)
    lost, found = sorted((event(), event()), key=lambda each: each.order_id)
    active_orders.show([lost])
    active_orders.ping()
    client.flushall()
    client.script_flush()
    # The script is lost too: that turns out with the second event, and the third brings it again.
    for _ in range(3):
        active_orders.show([found])
    filling = filling_of(active_orders)
    active_orders.fill(filling, [ActiveOrder(each, each) for each in (found, lost)])
    assert shown(active_orders, CLIENT) == [found, lost]
    assert len(warnings) == 2


def test_an_order_whose_beginning_redis_has_missed_is_not_shown_without_it(
    active_orders: RedisActiveOrders, warnings: list[str]
) -> None:
    trusted(active_orders, CLIENT)
    active_orders.show([event(Status.ROUTING, 2)])
    filling_of(active_orders)
    assert warnings == ["active orders are read from Postgres, since Redis has missed an event"]


# What happens while it is filled.


def test_what_happens_while_the_store_is_read_is_kept(active_orders: RedisActiveOrders, client: redis.Redis) -> None:
    ended, moved, unmoved, new = sorted((event() for _ in range(4)), key=lambda each: each.order_id)
    filling = filling_of(active_orders)
    active_orders.show([replace(ended, seq=4, status=Status.CONFIRMED)])
    active_orders.show([replace(moved, seq=2, status=Status.ROUTING)])
    active_orders.show([new])
    active_orders.fill(filling, [ActiveOrder(each, each) for each in (ended, moved, unmoved)])
    assert active_orders.running(CLIENT) == [
        ActiveOrder(new, new),
        ActiveOrder(unmoved, unmoved),
        ActiveOrder(moved, replace(moved, seq=2, status=Status.ROUTING)),
    ]
    assert str(ended.order_id) not in str(client.hkeys(KEY))


def test_the_last_of_several_readers_fills(active_orders: RedisActiveOrders) -> None:
    early, late = filling_of(active_orders), filling_of(active_orders)
    stale, fresh = event(), event()
    active_orders.fill(early, [ActiveOrder(stale, stale)])
    active_orders.fill(late, [ActiveOrder(fresh, fresh)])
    active_orders.fill(early, [ActiveOrder(stale, stale)])
    assert shown(active_orders, CLIENT) == [fresh]


def test_a_reader_that_takes_too_long_does_not_fill_and_leaves_nothing_behind(
    active_orders: RedisActiveOrders, client: redis.Redis
) -> None:
    filling = filling_of(active_orders)
    client.hincrby(KEY, ":since", -FILLING_SECONDS * 1000)
    ended = event()
    active_orders.show([replace(ended, seq=4, status=Status.CONFIRMED)])
    active_orders.fill(filling, [ActiveOrder(ended, ended)])
    assert sorted(client.hkeys(KEY)) == [":filling", ":since"]
    filling_of(active_orders)


# Outages.


def test_a_reachable_redis_answers_the_ping(active_orders: RedisActiveOrders) -> None:
    active_orders.ping()


def test_losing_redis_costs_only_the_view(tmp_path: Path, warnings: list[str]) -> None:
    with stores.redis(tmp_path / "redis") as url:
        active_orders = RedisActiveOrders(url, warnings.append)
        active_orders.show([event()])
        assert warnings == []
    started = time.monotonic()
    active_orders.show([event()])
    active_orders.show([event(Status.CONFIRMED)])
    active_orders.fill(filling_of(active_orders), [])
    assert time.monotonic() - started < 4
    assert [warning.partition(":")[0] for warning in warnings] == [
        "active order not shown",
        "active order not shown",
        "active orders are read from Postgres, since Redis does not answer",
        "active orders stay in Postgres only",
    ]
    with pytest.raises(redis.RedisError):
        active_orders.ping()


def test_a_lost_connection_is_opened_again(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    trusted(active_orders, CLIENT)
    running = event()
    active_orders.show([running])
    active_orders.ping()
    client.client_kill_filter(_type="normal", skipme=True)
    active_orders.show([replace(running, seq=5, status=Status.CONFIRMED)])
    assert shown(active_orders, CLIENT) == []
    assert warnings == []


def test_an_unreachable_redis_is_abandoned_at_once(warnings: list[str]) -> None:
    with closed_port() as port:
        started = time.monotonic()
        RedisActiveOrders(f"redis://127.0.0.1:{port}/0", warnings.append).show([event()])
        assert time.monotonic() - started < 2
    assert len(warnings) == 1


@pytest.mark.parametrize("reads", [False, True])
def test_a_silent_redis_is_abandoned_after_the_timeout(warnings: list[str], reads: bool) -> None:
    with silent_port() as port:
        active_orders = RedisActiveOrders(f"redis://127.0.0.1:{port}/0", warnings.append)
        started = time.monotonic()
        if reads:
            filling_of(active_orders)
        else:
            active_orders.show([event()])
        assert time.monotonic() - started < 3
    assert len(warnings) == 1


def test_a_connection_that_the_server_closed_is_replaced(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    trusted(active_orders, CLIENT)
    client.client_kill_filter(_type="normal", skipme=True)
    running = event()
    active_orders.show([running])
    assert shown(active_orders, CLIENT) == [running]
    assert warnings == []


def test_no_order_waits_for_redis(active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]) -> None:
    trusted(active_orders, CLIENT)
    client.client_pause(1_000)
    started = time.monotonic()
    active_orders.show([event()])
    assert time.monotonic() - started < redis_client.TIMEOUT_SECONDS
    assert warnings == []
    # THEN the next event waits for the reply to this one, but not for long
    active_orders.show([event()])
    assert 1 <= len(warnings) <= 2
    client.client_unpause()
    running = event()
    active_orders.show([running])
    assert running in shown(active_orders, CLIENT)


def test_what_redis_refuses_is_logged_with_the_next_event(
    active_orders: RedisActiveOrders, client: redis.Redis, warnings: list[str]
) -> None:
    trusted(active_orders, CLIENT)
    active_orders.show([event(client_id=uuid4())])
    active_orders.ping()
    client.config_set("maxmemory", 1)
    refused, running = event(), event()
    active_orders.show([refused])
    eventually(lambda: client.info("commandstats")["cmdstat_evalsha"]["calls"] > 3)
    client.config_set("maxmemory", 0)
    assert warnings == []
    active_orders.show([running])
    (warning,) = warnings
    assert warning.startswith("active order not shown: ")
    assert "used memory > 'maxmemory'" in warning
    assert shown(active_orders, CLIENT) == [running]


def test_an_event_is_one_command_and_a_read_too(active_orders: RedisActiveOrders, client: redis.Redis) -> None:
    def calls() -> int:
        stats = client.info("commandstats")
        return sum(each["calls"] for name, each in stats.items() if name in ("cmdstat_evalsha", "cmdstat_script"))

    trusted(active_orders, CLIENT)
    running = event()
    active_orders.show([running])
    shown(active_orders, CLIENT)
    before = calls()
    for seq in range(2, 12):
        active_orders.show([replace(running, seq=seq, status=Status.ROUTING)])
    assert len(shown(active_orders, CLIENT)) == 1
    assert calls() == before + 11


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
