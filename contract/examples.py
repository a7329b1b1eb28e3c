"""Examples of requests, answers and events."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

EXAMPLES: dict[str, Any] = json.loads((files("contract") / "examples.json").read_text())
ORDER_FORMS: dict[str, dict[str, Any]] = {
    "order": {
        "summary": "1.5 SOL for USDC",
        "value": {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "slippageBps": 50},
    },
    "short": {
        "summary": "The short form",
        "value": {"type": "market", "tokenPair": "SOL-USDC", "amount": 10},
    },
    "named": {
        "summary": "With an id of the client's own",
        "value": {
            "type": "market", "tokenIn": "USDC", "tokenOut": "RAY", "amountIn": "250", "clientOrderId": "rebalance-7"
        },
    },
    "signed": {
        "summary": "A quote's transaction, signed by the client's wallet",
        "value": {"type": "market", "quoteId": "01a1fb19-a2da-76f7-9d1e-7ea613cb9529", "signedTransaction": "AbC0…"},
    },
    "limit": {
        "summary": "For a price of 180 or more",
        "value": {"type": "limit", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "limitPrice": "180"},
    },
    "stop": {
        "summary": "Once the price is 140 or less twice in a row, but for no less than 138",
        "value": {
            "type": "stop", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "stopPrice": "140",
            "confirmTicks": 2, "limitPrice": "138",
        },
    },
    "pair": {
        "summary": "At a profit or at a loss, whichever comes first",
        "value": {
            "type": "oco", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "limitPrice": "200",
            "stopPrice": "140",
        },
    },
    "recurring": {
        "summary": "In four slices, one a minute",
        "value": {
            "type": "recurring", "tokenIn": "USDC", "tokenOut": "SOL", "amountIn": "250", "slices": 4,
            "intervalSeconds": 60,
        },
    },
    "sniper": {
        "summary": "As soon as a pool with this mint holds 50 SOL",
        "value": {
            "type": "sniper", "tokenIn": "SOL", "tokenOut": "7GCihgDB8fe6KNjn2MYtkzZcRjQy3t9GHdC8uHYMW2hr",
            "amountIn": "1", "minLiquidity": "50", "maxPrice": "0.002", "expiresAt": "2026-12-31T12:00:00Z",
        },
    },
}  # fmt: skip


def shown(value: object) -> dict[str, Any]:
    """The example of a parameter, in OpenAPI's form."""
    return {"example": {"value": value}}
