"""What wallets hold: the engine's own, and any other one that a client names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple
from uuid import UUID

from order_engine.domain.errors import InvalidRequest, NotFound
from order_engine.ports import RateLimit, Wallet
from order_engine.services import rate_limiting


class Holdings(NamedTuple):
    """What the wallet at an address holds of each token, in base units."""

    address: str
    balances: Mapping[str, int]


class Wallets:
    """`own` is the engine's wallet, if it has one. `at` returns the wallet at an address, or raises `ValueError`.

    Without `at` the market has no wallets. `rate_limit` is called when a client asks for another wallet than `own`.
    """

    def __init__(
        self, *, own: Wallet | None, at: Callable[[str], Wallet] | None, rate_limit: Callable[[], RateLimit]
    ) -> None:
        self._own = own
        self._at = at
        self._rate_limit = rate_limit

    def holdings(self, address: str | None, client_id: UUID) -> Holdings:
        """What the wallet at this address holds, or the engine's own if there is none.

        Raises `NotFound` where there is no such wallet, `InvalidRequest` for text that is not the address of one,
        `RateLimited` and `VenueUnavailable`.
        """
        if self._at is None:
            raise NotFound("the simulated market has no wallet")
        wallet = self._own
        if address is not None:
            try:
                wallet = self._at(address)
            except ValueError as error:
                raise InvalidRequest([{"field": "address", "message": str(error)}]) from None
            if limited := rate_limiting.refusal(self._rate_limit(), client_id):
                raise limited
        if wallet is None:
            raise NotFound("the engine has no wallet of its own")
        return Holdings(wallet.address, wallet.balances())
