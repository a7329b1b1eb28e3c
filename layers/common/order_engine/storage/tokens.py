"""The tokens that orders and quotes have named by the addresses of their mints."""

from __future__ import annotations

from order_engine.domain.tokens import Token
from order_engine.storage.database import Database

_GET = """
    SELECT decimals, program FROM tokens
    WHERE mint = %(mint)s AND (market = %(market)s OR NOT %(here)s)
    ORDER BY market = %(market)s DESC LIMIT 1"""

_ALL = """
    SELECT mint AS symbol, decimals, program FROM tokens WHERE market = %(market)s ORDER BY mint LIMIT %(limit)s"""

_ADD = """
    INSERT INTO tokens (mint, market, decimals, program) VALUES (%(mint)s, %(market)s, %(decimals)s, %(program)s)
    ON CONFLICT DO NOTHING"""


class PostgresTokenStore:
    """A `TokenStore` of the market with this name."""

    def __init__(self, database: Database, market: str) -> None:
        self._database = database
        self._market = market

    def get(self, mint: str, *, here: bool) -> Token | None:
        rows = self._database.fetch(_GET, {"mint": mint, "market": self._market, "here": here})
        return Token(mint, **rows[0]) if rows else None

    def all(self, limit: int) -> list[Token]:
        rows = self._database.fetch(_ALL, {"market": self._market, "limit": limit})
        return [Token(**row) for row in rows]

    def add(self, token: Token) -> None:
        values = {"mint": token.symbol, "decimals": token.decimals, "program": token.program}
        self._database.execute(_ADD, {**values, "market": self._market})
