"""The mints of the simulated market."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from order_engine.domain.errors import NotAMint
from order_engine.domain.tokens import Mint, Token
from order_engine.ports import Database

_GET = "SELECT mint, decimals, has_freeze_authority, extensions FROM market_mints WHERE mint = ANY(%(mints)s)"
_ADD = """
    INSERT INTO market_mints (mint, decimals, has_freeze_authority, extensions)
    VALUES (%(mint)s, %(decimals)s, %(has_freeze_authority)s, %(extensions)s::text[])"""


class SimulatedMints:
    """A `Mints` and a `MintReader`. Tokens with symbols have no mints."""

    addresses: ClassVar[Mapping[str, str]] = {}

    def __init__(self, database: Database) -> None:
        self._database = database

    def facts(self, mint: str) -> Mint:
        found = self.read([mint])
        if mint not in found:
            raise NotAMint(f"expected a mint, was {mint}, where nothing is")
        return found[mint]

    def read(self, mints: Sequence[str]) -> dict[str, Mint]:
        return {
            row["mint"]: Mint(
                Token(row["mint"], row["decimals"]), row["has_freeze_authority"], tuple(row["extensions"])
            )
            for row in self._database.fetch(_GET, {"mints": list(mints)})
        }

    def add(self, mint: Mint) -> None:
        """Creates a mint."""
        values = {"mint": mint.token.symbol, "decimals": mint.token.decimals}
        facts = {"has_freeze_authority": mint.has_freeze_authority, "extensions": list(mint.extensions)}
        self._database.execute(_ADD, values | facts)
