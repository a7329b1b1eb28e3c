"""The commands that speak to a running localnet."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from decimal import Decimal, InvalidOperation
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
    decimals = {token["symbol"]: token["decimals"] for token in call(url, "localnet_tokens")}
    if symbol not in decimals:
        raise CommandError(f"expected one of {', '.join(decimals)}, was {symbol!r}")
    signature: str = call(url, "localnet_airdrop", address, base_units(amount, decimals[symbol]), symbol)
    return signature


def base_units(amount: str, decimals: int) -> int:
    """Whole tokens as base units. Raises `CommandError`."""
    try:
        units = Decimal(amount).scaleb(decimals)
        if units == int(units) and 0 < units < 2**63:
            return int(units)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise CommandError(f"expected an amount above zero with at most {decimals} decimals, was {amount!r}")
