"""Amounts of the command line."""

from __future__ import annotations

import pytest

from localnet.commands import CommandError, base_units
from localnet.market.tokens import TOKENS


@pytest.mark.parametrize(
    ("amount", "symbol", "units"),
    [("1.5", "SOL", 1_500_000_000), ("0.000001", "USDC", 1), ("1e3", "BONK", 100_000_000), ("7", "RAY", 7_000_000)],
)
def test_whole_tokens_become_base_units(amount: str, symbol: str, units: int) -> None:
    assert base_units(amount, TOKENS[symbol]) == units


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "nan", "inf", "many", "", "1e30"])
def test_other_amounts_are_refused(amount: str) -> None:
    with pytest.raises(CommandError, match="expected an amount of USDC with at most 6 decimals"):
        base_units(amount, TOKENS["USDC"])
