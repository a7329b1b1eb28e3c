"""What the engine asks of the venues and of the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from order_engine.dex.routing import Listing, Route
from order_engine.domain.errors import EngineError
from order_engine.domain.swaps import Fill, PlannedSwap, Quote, Transaction


class PoolList(NamedTuple):
    """A venue's pools, and by address those that can't be used, and why."""

    listings: Sequence[Listing]
    unusable: Mapping[str, EngineError]


class Venue(Protocol):
    """A DEX."""

    name: str

    def pools(self, tokens: Sequence[str]) -> PoolList:
        """Its pools whose tokens are both among these, as they stand now. Raises `VenueUnavailable`.

        Must return or raise within its own deadline.
        """


class Chain(Protocol):
    """Where transactions land. Every method may raise `VenueUnavailable`, within its own deadline."""

    def build(self, quote: Quote, min_out: int) -> Transaction:
        """Signs the swaps; sends nothing. Raises `QuoteExpired`."""

    def submit(self, transaction: Transaction) -> None:
        """Sends it. Sent twice, it swaps once. Raises `QuoteExpired` when it can no longer land."""

    def confirm(self, transaction: Transaction) -> Fill | None:
        """Waits for the result; `None` if the chain has not seen the transaction and it may still land.

        Raises `SlippageExceeded` or `QuoteExpired` when it has not swapped and never will.
        """


class ConnectionGone(Exception):
    """The client is not connected, or not yet."""


class ConnectionRefused(Exception):
    """What was asked for was not done, and it is unclear whether it ever can be."""


class Connections(Protocol):
    """The WebSocket connections of clients."""

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        """Raises `ConnectionGone`, `ConnectionRefused`."""

    def is_open(self, connection_id: str) -> bool:
        """`True` also where that can't be told."""

    def close(self, connection_id: str) -> None:
        """Ends a connection, which may be gone already. Raises `ConnectionRefused`."""


def planned(route: Route) -> tuple[PlannedSwap, ...]:
    """The route's swaps, in order."""
    return tuple(
        PlannedSwap(
            leg.listing.venue, leg.listing.id, hop.token_in, hop.token_out, leg.swap.amount_in, leg.swap.amount_out
        )
        for hop in route.hops
        for leg in hop.legs
    )
