"""Quotes without an order, which an order may name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from order_engine.domain.ids import uuid7
from order_engine.domain.orders import OrderRequest, rfc3339
from order_engine.services.quote_views import quote_view
from order_engine.services.quoting import Quoting
from order_engine.storage.quotes import QuoteStore


class Quotes:
    def __init__(self, quoting: Quoting, store: QuoteStore) -> None:
        self._quoting = quoting
        self._store = store

    def offer(self, request: OrderRequest, client_id: UUID) -> dict[str, Any]:
        """What an order like this would be paid now, as clients see it; kept for an order of the client that names it.

        Raises `VenueUnavailable`, `StoreUnavailable`, `NoRoute`, `AmountTooSmall`, `InsufficientLiquidity`.
        """
        quote, decision = self._quoting.quote(request.token_in, request.token_out, request.amount_in)
        id = uuid7()
        self._store.insert(id, client_id, quote, request.slippage_bps, decision)
        return {
            "quoteId": str(id),
            "expiresAt": rfc3339(datetime.fromtimestamp(quote.expires_at, UTC)),
            **quote_view(quote, request.slippage_bps),
            **decision,
        }
