"""Decisions: the chosen route, the routes it was compared with, and the venues and pools that were unavailable."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from order_engine.domain import records


class Leg(NamedTuple):
    """The swap in one pool. `kind` is that of the pool, such as `raydium_cp`. Amounts are in base units."""

    venue: str
    pool: str
    kind: str
    amount_in: int
    amount_out: int
    price_impact_bps: int
    slot: int


class Hop(NamedTuple):
    """The swap from one token to another, through one pool or several pools."""

    token_in: str
    token_out: str
    legs: tuple[Leg, ...]


class Fee(NamedTuple):
    """The fees of one kind in one token, summed over all pools of a route. `amount` is in base units."""

    token: str
    kind: str
    amount: int


class Candidate(NamedTuple):
    """A route that was compared. `name` lists its pools; `cost` is the network fee of all its swaps but the first.

    Amounts are in base units of the output token. `unspent` is what the route leaves of the input.
    """

    name: str
    venue: str
    amount_out: int
    price_impact_bps: int
    fee_bps: int
    cost: int
    unspent: int = 0


class Missing(NamedTuple):
    """A venue or pool that could not be used, and the error that says why."""

    name: str
    code: str
    message: str


class Decision(NamedTuple):
    """The reason for a route. `hops` and `fees` belong to the chosen route, which is also the first of `candidates`.

    `token_in` and `token_out` are the tokens that pools trade: SOL stands for wrapped SOL. Amounts are in base units;
    `amount_in` is the order's.
    """

    token_in: str
    token_out: str
    amount_in: int
    venue: str
    reason: str
    fees: tuple[Fee, ...]
    hops: tuple[Hop, ...]
    candidates: tuple[Candidate, ...]
    missing: tuple[Missing, ...]

    @property
    def price_impact_bps(self) -> int:
        """The price impact of the chosen route."""
        return self.candidates[0].price_impact_bps

    def dump(self) -> dict[str, Any]:
        return records.dump(
            1,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=str(self.amount_in),
            venue=self.venue,
            reason=self.reason,
            fees=[_dump(fee) for fee in self.fees],
            hops=[{**hop._asdict(), "legs": [_dump(leg) for leg in hop.legs]} for hop in self.hops],
            candidates=[_dump(candidate) for candidate in self.candidates],
            missing=[_dump(missing) for missing in self.missing],
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        fields = records.load("decision", record, 1)
        return cls(
            **{
                **fields,
                "amount_in": int(fields["amount_in"]),
                "fees": tuple(Fee(**_load(fee)) for fee in fields["fees"]),
                "hops": tuple(
                    Hop(hop["token_in"], hop["token_out"], tuple(Leg(**_load(leg)) for leg in hop["legs"]))
                    for hop in fields["hops"]
                ),
                "candidates": tuple(Candidate(**_load(candidate)) for candidate in fields["candidates"]),
                "missing": tuple(Missing(**missing) for missing in fields["missing"]),
            }
        )


_AMOUNTS = frozenset({"amount", "amount_in", "amount_out", "cost", "unspent"})


def _dump(value: Fee | Leg | Candidate | Missing) -> dict[str, Any]:
    return {name: str(field) if name in _AMOUNTS else field for name, field in value._asdict().items()}


def _load(record: dict[str, Any]) -> dict[str, Any]:
    return {name: int(field) if name in _AMOUNTS else field for name, field in record.items()}
