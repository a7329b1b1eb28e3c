"""The limits of orders and of quotes a minute for each client: token buckets in Redis."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import redis

from order_engine.ports import Allowance
from order_engine.storage import redis_client

KEY = "{}_tokens:{}"

# The bucket holds a minute's tokens and fills evenly. It uses Redis' clock, since those of the functions may differ. A
# bucket of a time that has not come yet was filled before the clock was set back: it is forgotten.
# Returns 0, or the milliseconds until there is a token, the tokens left, and the time at which the bucket is full.
_TAKE = """
local max, time = tonumber(ARGV[1]), redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
if not bucket[2] or tonumber(bucket[2]) > now then bucket = {max, now} end
local tokens = math.min(max, bucket[1] + (now - bucket[2]) * max / 60000)
local wait = 0
if tokens < 1 then
  wait = math.ceil((1 - tokens) * 60000 / max)
else
  tokens = tokens - 1
  redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
  redis.call('PEXPIRE', KEYS[1], 60000)
end
return {wait, math.floor(tokens), math.ceil((now + (max - tokens) * 60000 / max) / 1000)}
"""


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
        self._left: dict[UUID, Allowance] = {}

    def take(self, client_id: UUID) -> float:
        """Takes a token. Returns 0, or the seconds until a token is available.

        Without Redis nothing is limited: for a while, that does less harm than refused orders.
        """
        if not self.per_minute:
            return 0
        try:
            wait, remaining, reset = self._redis.run(_TAKE, KEY.format(self.what, client_id), self.per_minute)
        except redis.RedisError as error:
            self._warn(f"{self.what}s are not limited, since Redis does not count them: {error}")
            return 0
        self._left = {client_id: Allowance(self.per_minute, remaining, reset)}
        return int(wait) / 1000

    def left(self, client_id: UUID) -> Allowance | None:
        return self._left.pop(client_id, None)
