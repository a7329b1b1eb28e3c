"""The mints of the simulated market."""

from __future__ import annotations

from order_engine.domain.errors import NotAMint
from order_engine.domain.tokens import Mint, Token
from order_engine.ports import Database

_GET = "SELECT decimals, has_freeze_authority, extensions FROM market_mints WHERE mint = %(mint)s"
_ADD = """
    INSERT INTO market_mints (mint, decimals, has_freeze_authority, extensions)
    VALUES (%(mint)s, %(decimals)s, %(has_freeze_authority)s, %(extensions)s::text[])"""


class SimulatedMints:
    """A `Mints`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(self, mint: str) -> Mint:
        rows = self._database.fetch(_GET, {"mint": mint})
        if not rows:
            raise NotAMint(f"expected a mint, was {mint}, where nothing is")
        (row,) = rows
        return Mint(Token(mint, row["decimals"]), row["has_freeze_authority"], tuple(row["extensions"]))

    def add(self, mint: Mint) -> None:
        """Creates a mint."""
        values = {"mint": mint.token.symbol, "decimals": mint.token.decimals}
        facts = {"has_freeze_authority": mint.has_freeze_authority, "extensions": list(mint.extensions)}
        self._database.execute(_ADD, values | facts)
