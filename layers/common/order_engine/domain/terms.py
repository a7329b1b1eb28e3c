"""What an order waits for, by its type: the terms that its client has set, and the amounts that follow from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal
from enum import StrEnum
from math import ceil, floor
from typing import Any, NamedTuple, TypeAlias

from order_engine.domain import records
from order_engine.domain.money import at_price
from order_engine.domain.tokens import Token

VERSION = 1


class Wait(StrEnum):
    """What an open order waits for: a price of at least or at most its trigger, its next slice, or a pool."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    SCHEDULE = "schedule"
    POOL = "pool"


class Watch(NamedTuple):
    """What the watcher compares with the market, for an order's whole amount.

    `trigger_out`: the order is activated once it would be paid at least, or at most, this. `limit_out` is the least
    that its transaction may pay. Both in base units of the output token.
    """

    waits_for: Wait
    trigger_out: int | None = None
    limit_out: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """Fills at `price` or better, in whole output tokens for one whole input token, or for at least `min_out` units.

    Exactly one of them is set.
    """

    price: Decimal | None = None
    min_out: int | None = None

    def watch(self, amount_in: int, token_in: Token, token_out: Token) -> Watch:
        least = self.min_out if self.price is None else ceil(at_price(amount_in, self.price, token_in, token_out))
        return Watch(Wait.AT_LEAST, least, least)


@dataclass(frozen=True, slots=True)
class Stop:
    """Sells once the price has fallen to `price` for `confirm_ticks` ticks in a row, at `limit_price` or better if set.

    One with a limit that `reached` its price, while the market was past the limit, waits for the limit alone.
    """

    price: Decimal
    limit_price: Decimal | None = None
    confirm_ticks: int = 1
    reached: bool = False

    def watch(self, amount_in: int, token_in: Token, token_out: Token) -> Watch:
        most = floor(at_price(amount_in, self.price, token_in, token_out))
        if self.limit_price is None:
            return Watch(Wait.AT_MOST, most)
        least = ceil(at_price(amount_in, self.limit_price, token_in, token_out))
        return Watch(Wait.AT_LEAST, least, least) if self.reached else Watch(Wait.AT_MOST, most, least)


@dataclass(frozen=True, slots=True)
class Recurring:
    """Spends the amount in equal `slices`, one each interval, while the price is in the range, if there is one.

    The prices are in whole output tokens for one whole input token.
    """

    slices: int
    interval_seconds: int
    min_price: Decimal | None = None
    max_price: Decimal | None = None

    def watch(self, amount_in: int, token_in: Token, token_out: Token) -> Watch:
        return Watch(Wait.SCHEDULE)

    def slice_amount(self, amount_in: int, number: int) -> int:
        """The amount of a slice, counted from 0. The sum of all slices is `amount_in`, in the same units."""
        return amount_in * (number + 1) // self.slices - amount_in * number // self.slices


@dataclass(frozen=True, slots=True)
class Sniper:
    """Buys once a pool with the output token holds `min_liquidity`, in base units of the input token.

    `max_price` is in whole input tokens for one whole output token.
    """

    min_liquidity: int
    max_price: Decimal | None = None
    allow_freeze_authority: bool = False
    allow_extensions: bool = False

    def watch(self, amount_in: int, token_in: Token, token_out: Token) -> Watch:
        if self.max_price is None:
            return Watch(Wait.POOL)
        units = amount_in * 10**token_out.decimals
        return Watch(
            Wait.POOL, None, ceil(units / at_price(10**token_out.decimals, self.max_price, token_out, token_in))
        )


Terms: TypeAlias = Limit | Stop | Recurring | Sniper

TERMS: dict[str, type[Terms]] = {"limit": Limit, "stop": Stop, "recurring": Recurring, "sniper": Sniper}
"""The terms of each type of order that waits."""

_PRICES = ("price", "limit_price", "min_price", "max_price")
_AMOUNTS = ("min_out", "min_liquidity")


def dump(terms: Terms) -> dict[str, Any]:
    fields = asdict(terms)
    texts = {name: records.optional_str(fields[name]) for name in _AMOUNTS if name in fields}
    texts |= {name: None if fields[name] is None else format(fields[name], "f") for name in _PRICES if name in fields}
    return records.dump(VERSION, **{**fields, **texts})


def load(type: str, record: dict[str, Any]) -> Terms:
    """The terms of an order of that type."""
    fields = records.load("terms", record, VERSION)
    fields |= {name: records.optional_int(fields[name]) for name in _AMOUNTS if name in fields}
    fields |= {name: None if fields[name] is None else Decimal(fields[name]) for name in _PRICES if name in fields}
    return TERMS[type](**fields)
