"""The mints of the simulated market."""

from __future__ import annotations

import pytest

from order_engine.domain.errors import NotAMint
from order_engine.domain.tokens import Mint, Token
from order_engine.simulation.mints import SimulatedMints
from order_engine.storage.database import Database


@pytest.mark.parametrize(
    "mint", [Mint(Token("mint", 0)), Mint(Token("mint", 9), True, ("TransferHook", "MetadataPointer"))]
)
def test_a_mint_is_as_it_was_created(database: Database, mint: Mint) -> None:
    mints = SimulatedMints(database)
    mints.add(mint)
    assert mints.facts("mint") == mint


def test_where_nothing_is_is_no_mint(database: Database) -> None:
    with pytest.raises(NotAMint, match="^expected a mint, was other, where nothing is$"):
        SimulatedMints(database).facts("other")
