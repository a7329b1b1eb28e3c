"""Finds the pools that the engine may trade in on Solana: on a schedule, and by hand.

It has no route: operators invoke it by name, with an IAM permission.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import market, services
from order_engine.dex.routing import NATIVE

RESERVE_SECONDS = 10
"""How long the last question to a node may take."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    return by_hand(event, seconds) if "action" in event else services.discover(seconds)


def by_hand(event: dict[str, Any], seconds: float) -> dict[str, Any]:
    discovery = market.discovery()
    if discovery is None:
        raise ValueError("expected a market on Solana, was the simulated one, which has all its pools")
    match event:
        case {"action": "add", "address": str(address)}:
            return {"added": discovery.add(address)._asdict()}
        case {"action": "remove", "address": str(address)}:
            if not discovery.remove(address):
                raise ValueError(f"no pool with address {address}")
            return {"removed": address}
        case {"action": "list"}:
            return {"pools": [pool._asdict() for pool in discovery.pools()]}
        case {"action": "find", "mint": str(mint)}:
            return asdict(discovery.find(mint, NATIVE, seconds))
    raise ValueError(
        'expected {"action": "add", "address": …}, {"action": "remove", "address": …}, {"action": "list"} or'
        f' {{"action": "find", "mint": …}}, was one with {", ".join(event)}'
    )
