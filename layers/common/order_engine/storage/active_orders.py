"""The running orders of each client with their newest events, in Redis: one hash a client, `active_orders:<clientId>`.

It is a view for fast readers, never the authority: an outage is logged and affects only the view. An open order does
not run: it may wait for weeks, with any number of others.

Redis may have been away, or emptied. So a reader trusts a hash only for a while after it was filled from Postgres:
within that time it has every running order, except for events that could not be sent to Redis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID, uuid4

import redis

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import RUNNING, Status
from order_engine.ports import ActiveOrder, Filling
from order_engine.storage import redis_client

KEY = "active_orders:{}"
TTL_SECONDS = 3600
"""How long a client's orders are shown without a new event."""

TRUSTED_SECONDS = 30
"""How long a hash is believed after it was filled: so long may an event be missing that did not reach Redis."""

FILLING_SECONDS = 10
"""How long a reader may take to fill a hash. The ends of orders in that time are kept, so that it revives none."""

# A hash has the fields `<orderId>`, `<seq>|<event>`, and `<orderId>/request`, the event with which the order began. The
# event is empty for an order that has ended while a reader fills the hash. It also has `:until`, until when it is
# trusted, or `:filling` and `:since`, which reader fills it since when. Times are Redis' own, in milliseconds.

# Publications may overtake each other: a newer event stays.
_SHOW = f"""
local key, id, seq, event, request = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local held = redis.call('HGET', key, id)
if held and tonumber(string.match(held, '^%d+')) > tonumber(seq) then return 0 end
if event ~= '' then
  redis.call('HSET', key, id, seq .. '|' .. event)
  if request ~= '' then redis.call('HSET', key, id .. '/request', request) end
else
  local since, time = redis.call('HGET', key, ':since'), redis.call('TIME')
  redis.call('HDEL', key, id, id .. '/request')
  if since and time[1] * 1000 - since < {FILLING_SECONDS * 1000} then redis.call('HSET', key, id, seq .. '|') end
end
redis.call('PEXPIRE', key, {TTL_SECONDS * 1000})
return 0
"""

# A time that is too far ahead was written before the clock was set back.
_READ = f"""
local key, time = KEYS[1], redis.call('TIME')
local left = (redis.call('HGET', key, ':until') or 0) - time[1] * 1000
if left > 0 and left <= {TRUSTED_SECONDS * 1000} then return redis.call('HGETALL', key) end
redis.call('DEL', key)
redis.call('HSET', key, ':filling', ARGV[1], ':since', time[1] * 1000)
redis.call('PEXPIRE', key, {TTL_SECONDS * 1000})
return false
"""

# What is in the hash is newer than the reader's, or the same: it was emptied before Postgres was asked.
_FILL = f"""
local key, time = KEYS[1], redis.call('TIME')
if redis.call('HGET', key, ':filling') ~= ARGV[1] then return 0 end
if time[1] * 1000 - redis.call('HGET', key, ':since') >= {FILLING_SECONDS * 1000} then return 0 end
for i = 2, #ARGV, 3 do
  local id, event = ARGV[i], ARGV[i + 1]
  local held = redis.call('HGET', key, id)
  if not held or held:sub(-1) ~= '|' then
    redis.call('HSETNX', key, id .. '/request', ARGV[i + 2])
    if not held or tonumber(held:match('^%d+')) < tonumber(event:match('^%d+')) then
      redis.call('HSET', key, id, event)
    end
  end
end
local all = redis.call('HGETALL', key)
for i = 1, #all, 2 do
  if all[i + 1]:sub(-1) == '|' then redis.call('HDEL', key, all[i]) end
end
redis.call('HDEL', key, ':filling', ':since')
redis.call('HSET', key, ':until', time[1] * 1000 + {TRUSTED_SECONDS * 1000})
redis.call('PEXPIRE', key, {TTL_SECONDS * 1000})
return 0
"""

_REQUEST = "/request"


class RedisActiveOrders:
    """An `ActiveOrders`, and an `ActiveOrderView`."""

    def __init__(self, url: str, warn: Callable[[str], None], password: Callable[[], str] | None = None) -> None:
        self._redis = redis_client.connection(url, password)
        self._warn = warn
        self._is_loaded = False

    def show(self, events: Sequence[Event]) -> None:
        newest, shown, request = events[-1], "", ""
        if newest.status in RUNNING:
            shown = _dump(newest)
            request = next((_dump(event) for event in reversed(events) if event.status is Status.PENDING), "")
        key, id = KEY.format(newest.client_id), str(newest.order_id)
        call = ("EVALSHA", redis_client.digest(_SHOW), 1, key, id, newest.seq, shown, request)
        loading = () if self._is_loaded else (("SCRIPT LOAD", _SHOW),)
        self._is_loaded = True
        try:
            # No order waits for Redis: with the next event it turns out whether this one is shown.
            self._redis.send(*loading, call, failed=self._not_shown)
        except redis.RedisError as error:
            self._not_shown(error)

    def running(self, client_id: UUID) -> list[ActiveOrder] | Filling:
        filling = Filling(client_id, str(uuid4()))
        try:
            found = self._redis.run(_READ, KEY.format(client_id), filling.token)
        except redis.RedisError as error:
            self._warn(f"active orders are read from Postgres, since Redis does not answer: {error}")
            return filling
        if found is None:
            return filling
        fields = dict(zip(found[::2], found[1::2], strict=True))
        events = {id: text.partition("|")[2] for id, text in fields.items() if id[0] != ":" and _REQUEST not in id}
        if any(id + _REQUEST not in fields for id in events):
            self._warn("active orders are read from Postgres, since Redis has missed an event")
            return filling
        orders = [ActiveOrder(_load(fields[id + _REQUEST]), _load(event)) for id, event in events.items()]
        return sorted(orders, key=lambda order: order.newest.order_id, reverse=True)

    def fill(self, filling: Filling, orders: Sequence[ActiveOrder]) -> None:
        fields: list[str] = []
        for request, newest in orders:
            fields += [str(newest.order_id), f"{newest.seq}|{_dump(newest)}", _dump(request)]
        try:
            self._redis.run(_FILL, KEY.format(filling.client_id), filling.token, *fields)
        except redis.RedisError as error:
            self._warn(f"active orders stay in Postgres only: {error}")

    def ping(self) -> None:
        """Raises `redis.RedisError` when Redis does not answer."""
        self._redis.ask("PING")

    def _not_shown(self, error: redis.RedisError) -> None:
        # A Redis that does not know the script has started anew.
        self._is_loaded = False
        self._warn(f"active order not shown: {error}")


def _dump(event: Event) -> str:
    return json.dumps(event.dump())


def _load(text: Any) -> Event:
    return Event.load(json.loads(text))
