"""The limits of orders and of quotes a minute for each client: token buckets in Redis."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha1
from typing import Any
from uuid import UUID

import redis

from order_engine.storage import redis_client

KEY = "{}_tokens:{}"

# The bucket holds a minute's tokens and fills evenly. It uses Redis' clock, since those of the functions may differ. A
# bucket of a time that has not come yet was filled before the clock was set back: it is forgotten.
# Returns 0, or the milliseconds until there is a token.
_TAKE = """
local max, time = tonumber(ARGV[1]), redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
if not bucket[2] or tonumber(bucket[2]) > now then bucket = {max, now} end
local tokens = math.min(max, bucket[1] + (now - bucket[2]) * max / 60000)
if tokens < 1 then return math.ceil((1 - tokens) * 60000 / max) end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - 1), 'at', now)
redis.call('PEXPIRE', KEYS[1], 60000)
return 0
"""
_DIGEST = sha1(_TAKE.encode(), usedforsecurity=False).hexdigest()


class RedisRateLimit:
    """A `RateLimit`. `per_minute` 0 is no limit."""

    def __init__(
        self,
        url: str,
        what: str,
        per_minute: int,
        warn: Callable[[str], None],
        password: Callable[[], str] | None = None,
    ) -> None:
        self.what = what
        self.per_minute = per_minute
        self._redis = redis_client.connection(url, password)
        self._warn = warn

    def take(self, client_id: UUID) -> float:
        """Takes a token. Returns 0, or the seconds until a token is available.

        Without Redis nothing is limited: for a while, that does less harm than refused orders.
        """
        if not self.per_minute:
            return 0
        try:
            answer = self._take(KEY.format(self.what, client_id))
        except redis.RedisError as error:
            self._warn(f"{self.what}s are not limited, since Redis does not count them: {error}")
            return 0
        return int(answer) / 1000

    def _take(self, key: str) -> Any:
        call = ("EVALSHA", _DIGEST, 1, key, self.per_minute)
        try:
            return self._redis.ask(*call)
        except redis.exceptions.NoScriptError:
            self._redis.ask("SCRIPT LOAD", _TAKE)
            return self._redis.ask(*call)
