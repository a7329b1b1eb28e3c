"""Orders that wait, in Postgres."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from json import dumps
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain import events, terms
from order_engine.domain.errors import EngineError, NoSliceFilled, Reroute, Transient
from order_engine.domain.events import Activation, Event, Opened, Slice
from order_engine.domain.lifecycle import RUNNING, Status, Trigger, target
from order_engine.domain.markets import SIMULATED
from order_engine.domain.orders import Order
from order_engine.domain.terms import Recurring, Wait
from order_engine.domain.timing import REST_SECONDS
from order_engine.ports import Group, Lease, Moved, SliceSums, Waiting
from order_engine.storage.database import Database
from order_engine.storage.events import RECORD, histories
from order_engine.storage.order_rows import ORDER, order_of
from order_engine.storage.statuses import NOT_ENDED, OPEN, listed

_AT_LEAST, _AT_MOST, _POOL, _CONFIRMED = Wait.AT_LEAST, Wait.AT_MOST, Wait.POOL, Status.CONFIRMED
_RUNNING_OR_FILLED = f"status IN {listed(RUNNING | {_CONFIRMED})}"

# As the index by trigger has them.
_PRICED = f"market = %(market)s AND {OPEN} AND trigger_out IS NOT NULL"
_SIZE = "floor(log(2, amount_in))::integer"
_REACHED = f"((CASE WHEN waits_for = '{_AT_MOST}' THEN -trigger_out ELSE trigger_out END) / amount_in)"

_WAITING = f"""
    SELECT count(*) AS open,
           EXISTS (SELECT FROM leases WHERE name = %(name)s AND held_until > '-infinity' AND held_until <= now())
               AS is_abandoned
    FROM orders WHERE market = %(market)s AND {OPEN}"""

# More than a lease lasts, and until another watcher begins.
_HEARD_LATELY = """
    SELECT DISTINCT id FROM orders JOIN subscriptions ON order_id = id
    WHERE market = %(market)s AND type <> 'market' AND updated_at > now() - interval '10 min'"""

_FIRST = f"""
    SELECT token_in, token_out, waits_for, {_SIZE} AS size, trigger_out, amount_in FROM orders
    WHERE {_PRICED}{{of_next_group}}
    ORDER BY token_in, token_out, waits_for, {_SIZE}, {_REACHED}, id LIMIT 1"""
_OF_FIRST = _FIRST.format(of_next_group="")
_OF_NEXT = _FIRST.format(
    of_next_group=f" AND (token_in, token_out, waits_for, {_SIZE})"
    " > (found.token_in, found.token_out, found.waits_for, found.size)"
)
# Leaps from group to group: Postgres reads the first order of each, however many orders there are.
_GROUPS = f"""
    WITH RECURSIVE found AS (({_OF_FIRST}) UNION ALL SELECT next.* FROM found, LATERAL ({_OF_NEXT}) AS next)
    SELECT * FROM found"""

# A time that is further ahead was written before the clock was set back.
_RESTED = f"(orders.rests_until BETWEEN now() AND now() + interval '{REST_SECONDS} s') IS NOT TRUE"

# Postgres rounds a ratio to 16 digits or more, the bound too.
_CANDIDATES = f"""
    SELECT {ORDER} FROM orders
    WHERE {_PRICED} AND token_in = %(token_in)s AND token_out = %(token_out)s AND waits_for = %(waits_for)s
      AND {_SIZE} = %(size)s AND {_RESTED} AND {_REACHED} <= %(bound_out)s::numeric / %(bound_in)s::numeric
      AND ({_REACHED}, id) > (%(after_out)s::numeric / %(after_in)s::numeric, %(after_id)s)
    ORDER BY {_REACHED}, id LIMIT %(limit)s"""
_BEFORE_ALL = -(10**20)
"""Below every trigger."""

_WAITING_FOR_POOLS = f"""
    SELECT {ORDER} FROM orders
    WHERE market = %(market)s AND {OPEN} AND waits_for = '{_POOL}' AND {_RESTED} ORDER BY id"""

_DUE = f"""
    SELECT {ORDER} FROM orders
    WHERE market = %(market)s AND {OPEN} AND due_at <= now() AND (due_at, id) > (%(after)s, %(after_id)s)
    ORDER BY due_at, id LIMIT %(limit)s"""

# Of every market: no order needs one to end. A recurring order whose slices are all made waits for their end only.
_OVERDUE = f"""
    SELECT {ORDER} FROM orders
    WHERE {OPEN} AND expires_at <= now() AND (slices_done = (terms->>'slices')::integer) IS NOT TRUE
    ORDER BY expires_at LIMIT %(limit)s"""

# Locks the orders and those linked with them first, by their ids like every statement that changes several orders: no
# two wait for each other, and the one that comes second knows what has become of both orders of a pair.
_MOVE = f"""
    WITH asked AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(moves)s) AS asked (id uuid, seq integer, linked_id uuid, data jsonb)
    ), held AS MATERIALIZED (
        SELECT id, status FROM orders WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE orders SET status = '{{to}}', seq = orders.seq + 1, updated_at = now(){{assignments}}
        FROM asked JOIN held USING (id)
        WHERE orders.id = asked.id AND orders.seq = asked.seq AND orders.{OPEN}{{condition}}
        RETURNING orders.id, orders.client_id, orders.seq, orders.status, orders.updated_at, orders.attempt, asked.data
    ), recorded AS ({RECORD} data FROM moved
    )
    SELECT id, client_id, seq, status, updated_at AS at, attempt, listeners(id) FROM moved"""


def _move(trigger: Trigger, assignments: str = "", condition: str = "") -> str:
    return _MOVE.format(to=target(trigger), assignments=assignments, condition=condition)


_EXPIRE = _move(Trigger.EXPIRE)
_ACTIVATE = _move(
    Trigger.ACTIVATE,
    ", attempt = 1, enqueued_at = now(), enqueue_count = 0, run = NULL, lease_until = NULL",
    f""" AND (orders.expires_at > now()) IS NOT FALSE AND {_RESTED}
          AND NOT EXISTS (
            SELECT FROM held AS linked
            WHERE linked.id = asked.linked_id AND linked.{_RUNNING_OR_FILLED}
          )""",
)
_REACH = _move(Trigger.REACH, f", waits_for = '{_AT_LEAST}', trigger_out = orders.limit_out, terms = %(terms)s::jsonb")
_COMPLETE = _move(Trigger.COMPLETE, ", amount_out = %(amount_out)s::numeric, amount_spent = %(amount_spent)s::numeric")
_REFUSE = _move(Trigger.FAIL, ", error = asked.data")

_INSERT_SLICE = f"""
    WITH moved AS (
        UPDATE orders SET seq = seq + 1, slices_done = slices_done + 1, updated_at = now(),
            due_at = due_at + make_interval(
                secs => %(interval)s * (1 + floor(extract(epoch FROM now() - due_at) / %(interval)s)))
        WHERE id = %(id)s AND {OPEN} AND seq = %(seq)s AND slices_done = %(slices_done)s
          AND (expires_at > now()) IS NOT FALSE
        RETURNING *
    ), inserted AS (
        INSERT INTO orders (id, client_id, type, token_in, token_out, amount_in, slippage_bps, user_id,
                            max_price_impact_bps, market, parent_id)
        SELECT %(slice_id)s, client_id, 'market', token_in, token_out, %(amount_in)s, slippage_bps, user_id,
               max_price_impact_bps, market, id FROM moved
        RETURNING id, seq, status, created_at, attempt
    ), recorded AS ({RECORD} %(data)s::jsonb FROM moved
        UNION ALL SELECT id, seq, status, created_at, attempt, %(slice_data)s::jsonb FROM inserted
    )
    SELECT id, client_id, seq, status, updated_at AS at, attempt, listeners(id) FROM moved"""

_POSTPONE = f"""
    UPDATE orders SET due_at = now() + make_interval(secs => %(seconds)s)
    WHERE id = %(id)s AND {OPEN} AND seq = %(seq)s"""

_SLICE_SUMS = f"""
    SELECT count(*) FILTER (WHERE {NOT_ENDED}) AS running,
           count(*) FILTER (WHERE status = '{_CONFIRMED}') AS confirmed,
           coalesce(sum(amount_spent) FILTER (WHERE status = '{_CONFIRMED}'), 0) AS amount_spent,
           coalesce(sum(amount_out) FILTER (WHERE status = '{_CONFIRMED}'), 0) AS amount_out
    FROM orders WHERE parent_id = %(id)s"""

# A lease that ends later than any was written before the clock was set back, and is over.
_IS_FREE = """
    (leases.holder = excluded.holder
        OR leases.held_until NOT BETWEEN now() AND now() + 2 * make_interval(secs => %(seconds)s))"""
_TAKE_LEASE = f"""
    WITH before AS (SELECT holder, held_until FROM leases WHERE name = %(name)s)
    INSERT INTO leases (name, holder, held_until)
    VALUES (%(name)s, %(holder)s, now() + make_interval(secs => %(seconds)s))
    ON CONFLICT (name) DO UPDATE SET
        holder = CASE WHEN {_IS_FREE} THEN excluded.holder ELSE leases.holder END,
        held_until = CASE WHEN {_IS_FREE} THEN excluded.held_until ELSE leases.held_until END,
        wanted_by = CASE WHEN leases.holder = excluded.holder THEN leases.wanted_by
                         WHEN {_IS_FREE} THEN NULL
                         WHEN %(wait)s THEN excluded.holder
                         ELSE leases.wanted_by END
    RETURNING holder = %(holder)s AS is_held, wanted_by IS NOT NULL AS is_wanted, notes,
              holder = %(holder)s AND EXISTS (
                  SELECT FROM before WHERE before.holder <> %(holder)s AND before.held_until > '-infinity'
              ) AS is_inherited"""

_RELEASE_LEASE = """
    UPDATE leases SET held_until = '-infinity', notes = %(notes)s WHERE name = %(name)s AND holder = %(holder)s"""

_IS_WATCHED = "SELECT FROM leases WHERE name = %(name)s AND held_until > now()"

_NO_ID = UUID(int=0)


class PostgresOpenOrders:
    """`OpenOrders` of `market`. Each move of an order is one statement: compare, set and event together.

    `count` is told the status of every event that is committed, once. It misses an event whose commit Postgres could
    not report, as in a failover; the sweep then enqueues the order that has become pending.
    """

    def __init__(
        self,
        database: Database,
        count: Callable[[Status], None] = lambda status: None,
        market: str = SIMULATED,
    ) -> None:
        self._database = database
        self._count = count
        self._market = market
        self._lease = f"watcher of {market}"

    def take_lease(self, holder: str, seconds: float, wait: bool = False) -> Lease:
        values = {"name": self._lease, "holder": holder, "seconds": seconds, "wait": wait}
        (row,) = self._database.fetch(_TAKE_LEASE, values)
        return Lease(**row)

    def release_lease(self, holder: str, notes: dict[str, Any]) -> None:
        self._database.execute(_RELEASE_LEASE, {"name": self._lease, "holder": holder, "notes": Jsonb(notes)})

    def is_watched(self) -> bool:
        return bool(self._database.fetch(_IS_WATCHED, {"name": self._lease}))

    def waiting(self) -> Waiting:
        (row,) = self._database.fetch(_WAITING, {"market": self._market, "name": self._lease})
        return Waiting(**row)

    def heard_lately(self) -> list[tuple[list[Event], list[str]]]:
        rows = self._database.fetch(_HEARD_LATELY, {"market": self._market})
        return histories(self._database, [row["id"] for row in rows])

    def groups(self) -> list[Group]:
        return [
            Group(
                row["token_in"],
                row["token_out"],
                Wait(row["waits_for"]),
                row["size"],
                int(row["trigger_out"]),
                int(row["amount_in"]),
            )
            for row in self._database.fetch(_GROUPS, {"market": self._market})
        ]

    def candidates(self, group: Group, bound: Fraction, after: Order | None, limit: int) -> list[Order]:
        # A falling price reaches the highest trigger first: the index has these triggers below zero.
        sign = -1 if group.waits_for is Wait.AT_MOST else 1
        values = {
            "token_in": group.token_in,
            "token_out": group.token_out,
            "waits_for": group.waits_for,
            "size": group.size,
            "bound_out": sign * bound.numerator,
            "bound_in": bound.denominator,
            "after_out": _BEFORE_ALL if after is None or after.trigger_out is None else sign * after.trigger_out,
            "after_in": after.amount_in if after else 1,
            "after_id": after.id if after else _NO_ID,
        }
        return self._orders(_CANDIDATES, limit=limit, **values)

    def waiting_for_pools(self) -> list[Order]:
        return self._orders(_WAITING_FOR_POOLS)

    def due(self, after: Order | None, limit: int) -> list[Order]:
        last = {"after": after.due_at, "after_id": after.id} if after else {"after": "-infinity", "after_id": _NO_ID}
        return self._orders(_DUE, limit=limit, **last)

    def expire(self, limit: int) -> list[Moved]:
        overdue = self._orders(_OVERDUE, limit=limit)
        return self._moved(
            _EXPIRE, [(order, events.expired(order.expires_at)) for order in overdue if order.expires_at]
        )

    def activate(self, orders: Sequence[tuple[Order, Activation]]) -> list[Moved]:
        # Of two that are linked the first.
        chosen: dict[UUID, tuple[Order, Activation]] = {}
        for order, activation in orders:
            chosen.setdefault(min(order.id, order.linked_id or order.id), (order, activation))
        moves = [(order, events.pending(order, self._market, activation)) for order, activation in chosen.values()]
        return self._moved(_ACTIVATE, moves)

    def reach(self, order: Order) -> Moved | None:
        reached = order.as_reached()
        data = events.opened(reached, self._market, Opened.STOP_REACHED)
        return self._moved_one(_REACH, order, data, terms=Jsonb(reached.terms and terms.dump(reached.terms)))

    def insert_slice(self, parent: Order, id: UUID, interval: float) -> tuple[Moved, Event] | None:
        if not isinstance(parent.terms, Recurring) or parent.slices_done is None:
            raise ValueError(f"expected a recurring order, was {parent.type} order {parent.id}")
        amount_in = parent.terms.slice_amount(parent.amount_in, parent.slices_done)
        made = Slice(parent.slices_done + 1, id, amount_in)
        data = events.opened(parent, self._market, Opened.SLICE, slice=made)
        slice_data = events.pending(_slice(parent, made), self._market)
        values = {
            "id": parent.id,
            "seq": parent.seq,
            "slices_done": parent.slices_done,
            "interval": interval,
            "slice_id": id,
            "amount_in": amount_in,
            "data": Jsonb(data),
            "slice_data": Jsonb(slice_data),
        }
        for row in self._database.fetch(_INSERT_SLICE, values):
            moved = self._happened(row, data)
            event = Event(id, 1, Status.PENDING, row["at"], 1, slice_data, row["client_id"])
            self._count(event.status)
            return moved, event
        return None

    def postpone(self, order: Order, seconds: float) -> None:
        self._database.execute(_POSTPONE, {"id": order.id, "seq": order.seq, "seconds": seconds})

    def slice_sums(self, parent: Order) -> SliceSums:
        (row,) = self._database.fetch(_SLICE_SUMS, {"id": parent.id})
        return SliceSums(**{name: int(value) for name, value in row.items()})

    def complete(self, parent: Order, sums: SliceSums) -> Moved | None:
        if not sums.confirmed:
            return self.refuse(parent, NoSliceFilled("none of its slices was filled"))
        data = events.completed(parent, sums.amount_spent, sums.amount_out)
        return self._moved_one(_COMPLETE, parent, data, amount_out=sums.amount_out, amount_spent=sums.amount_spent)

    def refuse(self, order: Order, error: EngineError) -> Moved | None:
        data = events.failed(error.code, str(error), order.attempt, retryable=isinstance(error, Transient | Reroute))
        return self._moved_one(_REFUSE, order, data)

    def _orders(self, statement: str, **values: Any) -> list[Order]:
        return [order_of(row) for row in self._database.fetch(statement, {"market": self._market, **values})]

    def _moved_one(self, statement: str, order: Order, data: dict[str, Any], **values: Any) -> Moved | None:
        return next(iter(self._moved(statement, [(order, data)], **values)), None)

    def _moved(self, statement: str, moves: Sequence[tuple[Order, dict[str, Any]]], **values: Any) -> list[Moved]:
        """The moves that were made: of orders that have not changed."""
        if not moves:
            return []
        asked = [
            {"id": str(order.id), "seq": order.seq, "linked_id": order.linked_id and str(order.linked_id), "data": data}
            for order, data in moves
        ]
        ids = {id for order, _ in moves for id in (order.id, order.linked_id) if id}
        rows = self._database.fetch(statement, {"moves": dumps(asked), "ids": list(ids), **values})
        data_of = {order.id: data for order, data in moves}
        return [self._happened(row, data_of[row["id"]]) for row in rows]

    def _happened(self, row: Mapping[str, Any], data: dict[str, Any]) -> Moved:
        status = Status(row["status"])
        event = Event(row["id"], row["seq"], status, row["at"], row["attempt"], data, row["client_id"])
        self._count(event.status)
        return Moved(event, row["listeners"])


def _slice(parent: Order, made: Slice) -> Order:
    """The order that a slice is."""
    return Order(
        id=made.order_id,
        type="market",
        token_in=parent.token_in,
        token_out=parent.token_out,
        amount_in=made.amount_in,
        slippage_bps=parent.slippage_bps,
        status=Status.PENDING,
        attempt=1,
        seq=1,
        created_at=parent.updated_at,
        updated_at=parent.updated_at,
        max_price_impact_bps=parent.max_price_impact_bps,
        parent_id=parent.id,
    )
