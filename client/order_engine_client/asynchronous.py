"""The client for asyncio."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import Any, TypedDict, TypeVar, Unpack
from urllib.parse import quote as quoted

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from order_engine_client.errors import Unreachable
from order_engine_client.fields import Amount, Answer, Form, Json, exact
from order_engine_client.models import (
    AcceptedOrder,
    ActiveOrders,
    BalanceHistory,
    CancelledOrders,
    CurrentMarket,
    Event,
    FillPage,
    NewTerms,
    Order,
    OrderCounts,
    OrderPage,
    OrderRequest,
    OrderWithEvents,
    PoolList,
    Quote,
    SignedOrder,
    TimingList,
    TokenList,
    Wallet,
)
from order_engine_client.signing import Signer, sign
from order_engine_client.transport import Transport

A = TypeVar("A", bound=Answer)
T = TypeVar("T")

HERE = "http://127.0.0.1:3000"
_EVENT: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(defer_build=True))


class Filters(TypedDict, total=False):
    """Which orders a list has. `token_pair` is like SOL-USDC; `since` and `until` are about when they were created."""

    status: str
    type: str
    token_pair: str
    since: datetime
    until: datetime
    client_order_id: str
    parent_id: str


class AsyncClient(Transport):
    """The engine at `url` for the client with `key`, used in `async with`.

    Without them, those in the environment's `ORDERS_URL` and `ORDERS_KEY`; without a URL, the engine of `make run` on
    this machine. Raises `ValueError` for a URL to which a key must not be sent. Every method raises `Refused` for an
    error of the service and `Unreachable` if there is no answer. A request without an answer is repeated; that never
    makes a second order.
    """

    def __init__(self, url: str | None = None, key: str | None = None) -> None:
        url = os.environ.get("ORDERS_URL", HERE) if url is None else url
        super().__init__(url, os.environ.get("ORDERS_KEY") if key is None else key)

    async def quote(
        self,
        token_in: str,
        token_out: str,
        amount_in: Amount,
        *,
        slippage_bps: int | None = None,
        max_price_impact_bps: int | None = None,
        wallet: str | None = None,
    ) -> Quote:
        """What an order would receive now. Tokens are symbols, or addresses of mints.

        With the address of a `wallet` of yours, the quote has the transaction that `submit_signed` sends.
        """
        query = _query(
            {
                "token_in": token_in,
                "token_out": token_out,
                "amount_in": exact(amount_in),
                "slippage_bps": slippage_bps,
                "max_price_impact_bps": max_price_impact_bps,
                "wallet": wallet,
            }
        )
        return await self._ask(Quote, "GET", "/api/quotes", params=query)

    async def submit(
        self, order: OrderRequest | Mapping[str, Any], *, idempotency_key: str | None = None
    ) -> AcceptedOrder:
        """Submits an order, given as one of the models or as the API's JSON, and returns it as it was accepted.

        A repeat with the same `idempotency_key` or the same `client_order_id` is the same order. Without a key, the
        order gets one of its own.
        """
        body = {"type": order.type, **order.body()} if isinstance(order, Form) else {"type": "market", **order}
        key = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        return await self._ask(AcceptedOrder, "POST", "/api/orders/execute", json=body, headers=key)

    async def submit_signed(
        self, quote: Quote, signer: Signer, *, client_order_id: str | None = None, idempotency_key: str | None = None
    ) -> AcceptedOrder:
        """Has the transaction of a quote for your wallet signed, and submits it as an order.

        `signer` gets the transaction's message and returns its signature; the key stays where it is. Raises
        `ValueError` if the quote is not for a wallet.
        """
        if quote.transaction is None:
            raise ValueError(f"expected a quote for a wallet, was quote {quote.quote_id} for the engine's")
        transaction = await sign(quote.transaction, signer)
        order = SignedOrder(quote_id=quote.quote_id, signed_transaction=transaction, client_order_id=client_order_id)
        return await self.submit(order, idempotency_key=idempotency_key)

    async def order(self, order_id: str) -> OrderWithEvents:
        return await self._ask(OrderWithEvents, "GET", _path(order_id))

    async def orders(
        self, *, limit: int | None = None, cursor: str | None = None, **filters: Unpack[Filters]
    ) -> OrderPage:
        """A page of your orders, newest first. `cursor` is the `next_cursor` of the page before."""
        query = _query({"limit": limit, "cursor": cursor, **filters})
        return await self._ask(OrderPage, "GET", "/api/orders", params=query)

    async def all_orders(self, **filters: Unpack[Filters]) -> AsyncGenerator[Order, None]:
        """Your orders, newest first, of as many pages as there are."""
        cursor = None
        while True:
            page = await self.orders(limit=100, cursor=cursor, **filters)
            for order in page.orders:
                yield order
            cursor = page.next_cursor
            if cursor is None:
                return

    async def fills(
        self,
        *,
        token_pair: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> FillPage:
        """A page of what your orders have paid and received, newest first."""
        query = _query({"token_pair": token_pair, "since": since, "until": until, "limit": limit, "cursor": cursor})
        return await self._ask(FillPage, "GET", "/api/fills", params=query)

    async def balances(
        self, *, since: datetime | None = None, until: datetime | None = None, interval: str | None = None
    ) -> BalanceHistory:
        """What fills have changed of each token, by `hour` or `day`."""
        query = _query({"since": since, "until": until, "interval": interval})
        return await self._ask(BalanceHistory, "GET", "/api/fills/balances", params=query)

    async def order_counts(self) -> OrderCounts:
        """How many of your orders are in each status."""
        return await self._ask(OrderCounts, "GET", "/api/orders/counts")

    async def timings(self, *, limit: int | None = None) -> TimingList:
        """How long your newest orders that have ended took, by status."""
        return await self._ask(TimingList, "GET", "/api/orders/timings", params=_query({"limit": limit}))

    async def active_orders(self, *, include_open: bool = False) -> ActiveOrders:
        """Your orders that run, or that have not ended at all, newest first, each with its newest event."""
        query = _query({"include": "open" if include_open else None})
        return await self._ask(ActiveOrders, "GET", "/api/orders/active", params=query)

    async def replace(self, order_id: str, terms: NewTerms | Mapping[str, Any]) -> OrderWithEvents:
        """Replaces terms of an open order, and returns it. The others stay; `None` takes away one that is optional."""
        body = terms.body() if isinstance(terms, Form) else terms
        return await self._ask(OrderWithEvents, "PATCH", _path(order_id), json=body)

    async def cancel(self, order_id: str) -> OrderWithEvents:
        """Cancels the order, and returns it. This is possible until its transaction is sent."""
        return await self._ask(OrderWithEvents, "DELETE", _path(order_id))

    async def cancel_all(self, *, token_pair: str | None = None, type: str | None = None) -> list[str]:
        """Cancels every order that can still be cancelled, and returns their ids.

        The service cancels so many at once, and this asks it until none is left.
        """
        query = _query({"token_pair": token_pair, "type": type})
        cancelled: list[str] = []
        complete = False
        while not complete:
            answer = await self._ask(CancelledOrders, "DELETE", "/api/orders", params=query)
            cancelled += answer.cancelled
            complete = answer.complete
        return cancelled

    async def events(self, order_id: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """Every event of the order with a `seq` above `after`, once and in order, until the order ends.

        First those that have happened, then each new one. A lost connection is replaced, and nothing is missed.
        """
        async with aclosing(self.follow(order_id, after)) as followed:
            async for raw in followed:
                yield _read(_EVENT.validate_python, raw)

    async def ended(self, order_id: str) -> OrderWithEvents:
        """Waits for the end of the order, and returns it with its events."""
        async with aclosing(self.follow(order_id)) as followed:
            async for _ in followed:
                pass
        return await self.order(order_id)

    async def market(self) -> CurrentMarket:
        """The market in which new orders are executed."""
        return await self._ask(CurrentMarket, "GET", "/api/market")

    async def wallet(self, address: str | None = None) -> Wallet:
        """The balances of the wallet at `address`, or of the one that pays for the orders."""
        return await self._ask(Wallet, "GET", "/api/wallet", params=_query({"address": address}))

    async def tokens(self) -> TokenList:
        """The tokens that can be swapped: those with a symbol, and those that orders have named by their mints."""
        return await self._ask(TokenList, "GET", "/api/tokens")

    async def pools(self, token_pair: str | None = None) -> PoolList:
        """The pools as they stand now: of two tokens like `SOL-USDC`, or all."""
        return await self._ask(PoolList, "GET", "/api/pools", params=_query({"token_pair": token_pair}))

    async def _ask(self, kind: type[A], method: str, path: str, **options: Any) -> A:
        return _read(kind.model_validate, await self.request(method, path, **options))


def _path(order_id: str) -> str:
    return f"/api/orders/{quoted(order_id, safe='')}"


def _query(given: Mapping[str, object]) -> dict[str, str]:
    names = {"since": "from", "until": "to"}
    return {
        names.get(name) or to_camel(name): value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in given.items()
        if value is not None
    }


def _read(read: Callable[[Json], T], answer: Json) -> T:
    try:
        return read(answer)
    except ValidationError as error:
        raise Unreachable(f"expected an answer of the service, was another: {error}") from error
