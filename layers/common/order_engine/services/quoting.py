"""Offers quotes without an order. An order may name such a quote later."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED_MARKET, MarketDescription
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import Offer
from order_engine.ports import Chain, QuoteStore, RateLimit
from order_engine.services import rate_limiting
from order_engine.services.routing import Router


class Quoting:
    """Quotes orders that would be executed in `market`."""

    def __init__(
        self,
        *,
        router: Router,
        chain: Chain,
        store: QuoteStore,
        rate_limit: RateLimit,
        market: MarketDescription = SIMULATED_MARKET,
    ) -> None:
        self._router = router
        self._chain = chain
        self._store = store
        self._rate_limit = rate_limit
        self._market = market

    def offer(self, request: OrderRequest, client_id: UUID) -> Offer:
        """Quotes this order and stores the offer, so that an order of the client can name it.

        Raises `RateLimited`, `StoreUnavailable`, and what `Router.best` and `Chain.costs` raise.
        """
        if limited := rate_limiting.refusal(self._rate_limit, client_id):
            raise limited
        self._market.check_tokens(request.token_in, request.token_out)
        quote, decision = self._router.best(
            request.token_in, request.token_out, request.amount_in, request.max_price_impact_bps
        )
        quote = replace(quote, costs=self._chain.costs(quote))
        offer = Offer(uuid7(), quote, request.slippage_bps, decision.dump())
        self._store.insert(client_id, offer)
        return offer
