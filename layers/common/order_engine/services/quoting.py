"""Offers quotes without an order. An order may name such a quote later."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from order_engine.dex.swaps import min_out
from order_engine.domain.errors import InvalidOrder
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import SIMULATED_MARKET, MarketDescription
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import Costs, Offer, Quote
from order_engine.domain.transactions import Unsigned
from order_engine.ports import Chain, QuoteStore, RateLimit, Signing
from order_engine.services import rate_limiting
from order_engine.services.routing import Router


class Quoting:
    """Quotes orders that would be executed in `market`. Without `signing`, clients sign no transactions there."""

    def __init__(
        self,
        *,
        router: Router,
        chain: Chain,
        store: QuoteStore,
        rate_limit: RateLimit,
        signing: Signing | None = None,
        market: MarketDescription = SIMULATED_MARKET,
    ) -> None:
        self._router = router
        self._chain = chain
        self._store = store
        self._rate_limit = rate_limit
        self._signing = signing
        self._market = market

    def offer(self, request: OrderRequest, client_id: UUID) -> Offer:
        """Quotes this order and stores the offer, so that an order of the client can name it.

        For a wallet of the client's, with the transaction that this is to sign. Raises `RateLimited`, `InvalidOrder`,
        `StoreUnavailable`, and what `Router.best`, `Chain.costs` and `Signing.prepare` raise.
        """
        if limited := rate_limiting.refusal(self._rate_limit, client_id):
            raise limited
        self._check_wallet(request.wallet)
        self._market.check_tokens(request.token_in, request.token_out)
        quote, decision = self._router.best(
            request.token_in, request.token_out, request.amount_in, request.max_price_impact_bps
        )
        unsigned = self._unsigned(quote, request)
        quote = replace(quote, costs=self._costs(quote, request.wallet))
        offer = Offer(uuid7(), quote, request.slippage_bps, decision.dump(), unsigned)
        self._store.insert(client_id, offer)
        return offer

    def _check_wallet(self, wallet: str | None) -> None:
        if wallet is None:
            return
        try:
            if self._signing is None:
                raise ValueError(
                    f"expected no wallet on the {self._market.name} market, which has none, was {wallet:.60}"
                )
            self._signing.wallet_at(wallet)
        except ValueError as error:
            raise InvalidOrder([{"field": "wallet", "message": str(error)}]) from None

    def _costs(self, quote: Quote, wallet: str | None) -> Costs:
        if self._signing is None or wallet is None:
            return self._chain.costs(quote)
        return self._signing.costs(quote, wallet)

    def _unsigned(self, quote: Quote, request: OrderRequest) -> Unsigned | None:
        if self._signing is None or request.wallet is None:
            return None
        # It names its order, which gets this id.
        order_id = uuid7()
        least = min_out(quote.amount_out, request.slippage_bps)
        transaction = self._signing.prepare(quote, least, order_id, request.wallet)
        return Unsigned(request.wallet, order_id, request.max_price_impact_bps, transaction)
