"""Quotes that were given without an order, so that an order can name one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain.errors import QuoteNotFound
from order_engine.domain.swaps import Quote
from order_engine.storage.database import Database

KEPT_SECONDS = 86_400
"""How long a quote is remembered, so that an order which names it hears that it has expired."""


@dataclass(frozen=True, slots=True)
class StoredQuote:
    """`decision` is how the quote was found, as clients see it."""

    quote: Quote
    slippage_bps: int
    decision: dict[str, Any]


class QuoteStore:
    """Every method may raise `StoreUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, id: UUID, client_id: UUID, quote: Quote, slippage_bps: int, decision: dict[str, Any]) -> None:
        self._database.execute(
            "INSERT INTO quotes (id, client_id, slippage_bps, quote, decision)"
            " VALUES (%(id)s, %(client)s, %(slippage_bps)s, %(quote)s, %(decision)s) ON CONFLICT DO NOTHING",
            {
                "id": id,
                "client": client_id,
                "slippage_bps": slippage_bps,
                "quote": Jsonb(quote.to_json()),
                "decision": Jsonb(decision),
            },
        )

    def get(self, id: UUID) -> StoredQuote:
        """Whosever it is: for the engine, not for clients. Raises `QuoteNotFound`."""
        return self._one("SELECT slippage_bps, quote, decision FROM quotes WHERE id = %(id)s", {"id": id})

    def owned(self, client_id: UUID, id: UUID) -> StoredQuote:
        """Raises `QuoteNotFound`, for another client's quote too."""
        statement = "SELECT slippage_bps, quote, decision FROM quotes WHERE id = %(id)s AND client_id = %(client)s"
        return self._one(statement, {"id": id, "client": client_id})

    def forget(self) -> None:
        """Deletes what is too old to be named, but for what an order has named."""
        self._database.execute(
            "DELETE FROM quotes WHERE created_at < now() - make_interval(secs => %(kept)s)"
            " AND NOT EXISTS (SELECT FROM orders WHERE orders.quote_id = quotes.id)",
            {"kept": KEPT_SECONDS},
        )

    def _one(self, statement: str, parameters: dict[str, Any]) -> StoredQuote:
        rows = self._database.fetch(statement, parameters)
        if not rows:
            raise QuoteNotFound(f"expected the id of a quote, was {parameters['id']}")
        return StoredQuote(Quote.from_json(rows[0]["quote"]), rows[0]["slippage_bps"], rows[0]["decision"])
