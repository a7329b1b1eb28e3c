"""The commands that speak to a running localnet."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

_SECONDS = 30


class CommandError(Exception):
    """A command has failed. The message says why."""


def call(url: str, method: str, *params: Any) -> Any:
    """The result of a method. Raises `CommandError`."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:
            answer = json.load(response)
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise CommandError(f"no localnet answers at {url} ({reason})") from None
    if "error" in answer:
        raise CommandError(answer["error"]["message"])
    return answer["result"]


def airdrop(url: str, address: str, amount: str, symbol: str) -> str:
    """The signature of the transaction that gives an amount of whole tokens away. Raises `CommandError`."""
    units = base_units(amount, _decimals(url, symbol))
    signature: str = call(url, "localnet_airdrop", address, units, symbol)
    return signature


def create_pool(url: str, mint: str, paired_with: str, price: str, liquidity: str, program: str = "raydium_cp") -> str:
    """The address of a new pool, which holds `liquidity` whole tokens of what the mint is paired with.

    `price` is what one whole token of the mint costs of it, and says how much of that the pool holds. Raises
    `CommandError`.
    """
    account = call(url, "getAccountInfo", mint, {"encoding": "jsonParsed", "commitment": "processed"})["value"]
    try:
        decimals = account["data"]["parsed"]["info"]["decimals"]
    except (KeyError, TypeError):
        raise CommandError(f"expected a mint, was {mint!r}") from None
    paired = base_units(liquidity, _decimals(url, paired_with))
    try:
        amount = int(Fraction(liquidity) / Fraction(price) * 10**decimals)
    except (ValueError, ZeroDivisionError):
        amount = 0
    if not 0 < amount < 2**63:
        raise CommandError(f"expected a price at which the pool holds 1 to 2^63 - 1 base units, was {price!r}")
    pool: str = call(url, "localnet_createPool", mint, amount, paired_with, paired, program)
    return pool


def _decimals(url: str, symbol: str) -> int:
    decimals = {token["symbol"]: int(token["decimals"]) for token in call(url, "localnet_tokens")}
    if symbol not in decimals:
        raise CommandError(f"expected one of {', '.join(decimals)}, was {symbol!r}")
    return decimals[symbol]


def base_units(amount: str, decimals: int) -> int:
    """Whole tokens as base units. Raises `CommandError`."""
    try:
        units = Decimal(amount).scaleb(decimals)
        if units == int(units) and 0 < units < 2**63:
            return int(units)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise CommandError(f"expected an amount above zero with at most {decimals} decimals, was {amount!r}")
