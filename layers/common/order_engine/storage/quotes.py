"""Quotes that were offered to clients, so that an order can name one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from order_engine.domain.errors import QuoteNotFound
from order_engine.domain.quotes import Offer, Quote
from order_engine.domain.transactions import Unsigned
from order_engine.storage.database import Database

TTL_SECONDS = 600
"""How long an offer is stored. An order that names one that has expired is told so until then."""

_SELECT = "SELECT id, slippage_bps, quote, decision, unsigned, named FROM quotes"

# The second bound is for offers that were made before the clock was set back. An array is evaluated once.
_DELETE = f"""
    WITH gone AS (
        DELETE FROM quotes WHERE id = ANY(ARRAY(
            SELECT id FROM quotes
            WHERE NOT named
              AND created_at NOT BETWEEN now() - interval '{TTL_SECONDS} s' AND now() + interval '{TTL_SECONDS} s'
              AND NOT EXISTS (SELECT FROM orders WHERE orders.quote_id = quotes.id)
            LIMIT %(limit)s
        ))
        RETURNING id
    )
    SELECT count(*) FROM gone"""


class PostgresQuoteStore:
    """A `QuoteStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, client_id: UUID, offer: Offer) -> None:
        self._database.execute(
            "INSERT INTO quotes (id, client_id, slippage_bps, quote, decision, unsigned)"
            " VALUES (%(id)s, %(client)s, %(slippage_bps)s, %(quote)s, %(decision)s, %(unsigned)s)"
            " ON CONFLICT DO NOTHING",
            {
                "id": offer.id,
                "client": client_id,
                "slippage_bps": offer.slippage_bps,
                "quote": Jsonb(offer.quote.dump()),
                "decision": Jsonb(offer.decision),
                "unsigned": offer.unsigned and Jsonb(offer.unsigned.dump()),
            },
        )

    def get(self, id: UUID) -> Offer:
        return self._one(f"{_SELECT} WHERE id = %(id)s", {"id": id})

    def owned(self, client_id: UUID, id: UUID) -> Offer:
        return self._one(f"{_SELECT} WHERE id = %(id)s AND client_id = %(client)s", {"id": id, "client": client_id})

    def delete_expired(self, limit: int) -> int:
        (row,) = self._database.fetch(_DELETE, {"limit": limit})
        return int(row["count"])

    def _one(self, statement: str, parameters: dict[str, Any]) -> Offer:
        rows = self._database.fetch(statement, parameters)
        if not rows:
            raise QuoteNotFound(f"no quote with id {parameters['id']}")
        (row,) = rows
        quote, unsigned = Quote.load(row["quote"]), row["unsigned"] and Unsigned.load(row["unsigned"])
        return Offer(row["id"], quote, row["slippage_bps"], row["decision"], unsigned, row["named"])
