"""Amounts of the command line."""

from __future__ import annotations

import pytest

from localnet.commands import CommandError, base_units


@pytest.mark.parametrize(
    ("amount", "decimals", "units"),
    [("1.5", 9, 1_500_000_000), ("0.000001", 6, 1), ("1e3", 5, 100_000_000), ("7", 0, 7)],
)
def test_whole_tokens_become_base_units(amount: str, decimals: int, units: int) -> None:
    assert base_units(amount, decimals) == units


@pytest.mark.parametrize("amount", ["0", "-1", "0.0000001", "nan", "inf", "many", "", "1e30"])
def test_other_amounts_are_refused(amount: str) -> None:
    with pytest.raises(CommandError, match=r"expected an amount above zero with at most 6 decimals, was"):
        base_units(amount, 6)
