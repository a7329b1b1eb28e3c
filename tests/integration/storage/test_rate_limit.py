from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest
import redis

from order_engine.storage.rate_limit import KEY, RedisRateLimit
from tests.support.concurrency import at_once, eventually
from tests.support.network import closed_port


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def client_id() -> UUID:
    return uuid4()


def test_a_client_may_use_a_minutes_tokens_at_once(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    limit = RedisRateLimit(redis_url, "order", 5, warnings.append)
    assert [limit.take(client_id) for _ in range(5)] == [0] * 5
    # A token comes every 12 seconds.
    assert 10 < limit.take(client_id) <= 12
    assert warnings == []


def test_a_limit_says_once_what_it_has_left(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    limit = RedisRateLimit(redis_url, "order", 60, warnings.append)
    assert limit.left(client_id) is None
    for remaining in (59, 58):
        limit.take(client_id)
        left = limit.left(client_id)
        assert left is not None
        assert left[:2] == (60, remaining)
        assert 0 <= left.reset - time.time() <= 4
    assert limit.left(client_id) is None
    limit.take(client_id)
    assert limit.left(uuid4()) is None


def test_without_redis_nothing_is_said_to_be_left(client_id: UUID, warnings: list[str]) -> None:
    with closed_port() as port:
        limit = RedisRateLimit(f"redis://127.0.0.1:{port}/0", "order", 60, warnings.append)
        assert limit.take(client_id) == 0
    assert limit.left(client_id) is None


def test_clients_have_separate_buckets(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    limit = RedisRateLimit(redis_url, "order", 1, warnings.append)
    assert limit.take(client_id) == 0
    assert limit.take(client_id) > 0
    assert limit.take(uuid4()) == 0


def test_tokens_refill_evenly(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    limit = RedisRateLimit(redis_url, "order", 600, warnings.append)
    while not (wait := limit.take(client_id)):
        pass
    # One every tenth of a second.
    assert 0 < wait <= 0.1
    eventually(lambda: limit.take(client_id) == 0)


def test_a_bucket_never_holds_more_than_a_minutes_tokens(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    """GIVEN a client that was last seen long ago, or in the future because the clock was set back."""
    limit = RedisRateLimit(redis_url, "order", 3, warnings.append)
    with redis.Redis.from_url(redis_url) as store:
        for at in (0, 10**15):
            store.hset(KEY.format("order", client_id), mapping={"tokens": "3", "at": at})
            assert [bool(limit.take(client_id)) for _ in range(4)] == [False, False, False, True]


def test_concurrent_requests_share_one_bucket(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    limit = RedisRateLimit(redis_url, "order", 10, warnings.append)
    waits = at_once(30, lambda number: limit.take(client_id))
    assert waits.count(0) == 10


def test_an_idle_bucket_expires(redis_url: str, client_id: UUID, warnings: list[str]) -> None:
    RedisRateLimit(redis_url, "order", 100, warnings.append).take(client_id)
    with redis.Redis.from_url(redis_url) as store:
        assert 0 < int(str(store.pttl(KEY.format("order", client_id)))) <= 60_000


def test_a_limit_of_zero_disables_the_check(client_id: UUID, warnings: list[str]) -> None:
    with closed_port() as port:
        limit = RedisRateLimit(f"redis://127.0.0.1:{port}/0", "order", 0, warnings.append)
        assert [limit.take(client_id) for _ in range(3)] == [0] * 3
    assert warnings == []


def test_without_redis_no_client_is_refused_and_a_warning_is_logged(client_id: UUID, warnings: list[str]) -> None:
    with closed_port() as port:
        limit = RedisRateLimit(f"redis://127.0.0.1:{port}/0", "order", 1, warnings.append)
        assert [limit.take(client_id) for _ in range(3)] == [0] * 3
    assert len(warnings) == 3
    assert warnings[0].startswith("orders are not limited, since Redis does not count them: ")


def test_the_script_is_loaded_again_after_redis_has_lost_it(
    redis_url: str, client_id: UUID, warnings: list[str]
) -> None:
    limit = RedisRateLimit(redis_url, "order", 2, warnings.append)
    assert limit.take(client_id) == 0
    with redis.Redis.from_url(redis_url) as store:
        store.script_flush()
    assert limit.take(client_id) == 0
    assert limit.take(client_id) > 0
    assert warnings == []
