"""Quotes: the output of a route at current prices, and offers of quotes to clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from uuid import UUID

from order_engine.domain import records
from order_engine.domain.decisions import Decision
from order_engine.domain.errors import PriceImpactTooHigh, QuoteExpired
from order_engine.domain.money import describe
from order_engine.domain.tokens import token

if TYPE_CHECKING:
    from order_engine.domain.transactions import Unsigned

QUOTE_LIFETIME_SECONDS = 30.0


class Costs(NamedTuple):
    """What a transaction costs beside the swap, in lamports: the network's fees, and the rent of new token accounts.

    The rent stays in the accounts, which belong to the wallet.
    """

    fee_lamports: int
    rent_lamports: int

    def dump(self) -> dict[str, str]:
        return {name: str(lamports) for name, lamports in self._asdict().items()}

    @classmethod
    def load(cls, record: dict[str, str] | None) -> Self:
        """`None` stands for the costs of records that are older than costs: there were none."""
        return cls(**{name: int(lamports) for name, lamports in (record or NO_COSTS.dump()).items()})


NO_COSTS = Costs(0, 0)


class PlannedSwap(NamedTuple):
    """The quoted swap in one pool. Amounts are in base units of `token_in` and `token_out`."""

    venue: str
    pool: str
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int

    def dump(self) -> dict[str, Any]:
        return {**self._asdict(), "amount_in": str(self.amount_in), "amount_out": str(self.amount_out)}

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        return cls(**{**record, "amount_in": int(record["amount_in"]), "amount_out": int(record["amount_out"])})


@dataclass(frozen=True, slots=True)
class Quote:
    """The output of a route at current prices. Amounts are in base units.

    `swaps` are in the order of the route; swaps with the same tokens belong to one hop. `slot` is the chain's slot at
    which the pools were read. `expires_at` is in Unix seconds. `costs` are known once the quote is offered to a client.
    """

    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    swaps: tuple[PlannedSwap, ...]
    slot: int
    expires_at: float
    costs: Costs = NO_COSTS

    @property
    def venue(self) -> str:
        """The venues that the route uses, joined by `+`."""
        return "+".join(sorted({swap.venue for swap in self.swaps}))

    def check(self, now: float) -> None:
        """Raises `QuoteExpired` from `expires_at` on."""
        if now >= self.expires_at:
            raise QuoteExpired(f"the quote expired {now - self.expires_at:.1f} s ago")

    def check_price_impact(self, price_impact_bps: int, limit_bps: int) -> None:
        """Raises `PriceImpactTooHigh` for a price impact above the limit, both in basis points."""
        if price_impact_bps > limit_bps:
            pays = describe(self.amount_in, token(self.token_in))
            receives = describe(self.amount_out, token(self.token_out))
            raise PriceImpactTooHigh(
                f"expected a price impact of at most {limit_bps} bps, was {price_impact_bps} bps:"
                f" {pays} would receive {receives}; to accept that, set maxPriceImpactBps to {price_impact_bps} or more"
            )

    def dump(self) -> dict[str, Any]:
        return records.dump(
            1,
            token_in=self.token_in,
            token_out=self.token_out,
            amount_in=str(self.amount_in),
            amount_out=str(self.amount_out),
            swaps=[swap.dump() for swap in self.swaps],
            slot=self.slot,
            expires_at=self.expires_at,
            costs=self.costs.dump(),
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        fields = records.load("quote", record, 1)
        fields |= {name: int(fields[name]) for name in ("amount_in", "amount_out")}
        swaps = tuple(PlannedSwap.load(swap) for swap in fields["swaps"])
        return cls(**{**fields, "swaps": swaps, "costs": Costs.load(fields.get("costs"))})


class Offer(NamedTuple):
    """A quote that a client got and that its order may name. `decision` is the record of a `Decision`.

    One for a client's wallet has the transaction that the wallet is to sign. `is_named` by an order that is stored.
    """

    id: UUID
    quote: Quote
    slippage_bps: int
    decision: dict[str, Any]
    unsigned: Unsigned | None = None
    is_named: bool = False

    @property
    def price_impact_bps(self) -> int:
        """The price impact of the quoted route."""
        if "version" not in self.decision:
            # Before records had a version, decisions were stored as clients see them.
            return int(self.decision["priceImpactBps"])
        return Decision.load(self.decision).price_impact_bps

    def check(self, now: float) -> None:
        """Raises `QuoteExpired` if the quote has expired, or is of before the clock was set back."""
        self.quote.check(now)
        # No quote is valid for longer. The clocks of two functions may differ by less.
        if self.quote.expires_at - now > 2 * QUOTE_LIFETIME_SECONDS:
            raise QuoteExpired("the quote expired when the clock was set back")
