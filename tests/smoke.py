"""Checks that a deployed stack executes an order: `python -m tests.smoke --stack NAME`.

Creates a key through the stack's KeysFunction, submits one order, watches it to its end, and revokes the key. On
Mainnet it only asks for a quote, unless it is told to trade.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import boto3
from botocore.exceptions import BotoCoreError, ClientError

import order_engine_client
from order_engine_cli.views import REAL_MONEY
from order_engine_client import AsyncClient

CLIENT = "smoke-test"
ORDER = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", "slippageBps": 500}
SECONDS = 300.0
"""Longer than an order whose first transaction dies on chain."""


class Failed(Exception):
    """The stack does not work; the message says what was expected and what came."""


def outputs(stack: str) -> dict[str, str]:
    (found,) = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}


def invoke(function: str, event: dict[str, str]) -> dict[str, Any]:
    answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    body: dict[str, Any] = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise Failed(f"expected a result from {function}, was {body.get('errorType')}: {body.get('errorMessage')}")
    return body


def check_health(url: str) -> None:
    try:
        with urlopen(f"{url}/health", timeout=30) as response:
            report = json.load(response)
    except (HTTPError, OSError, ValueError) as error:
        raise Failed(f"expected an answer from /health, was {error}") from None
    if report["status"] != "up":
        raise Failed(f"expected /health to report the status up, was {json.dumps(report)}")


async def check_order(url: str, key: str, trade: bool) -> None:
    async with asyncio.timeout(SECONDS), AsyncClient(url, key) as engine:
        market = (await engine.market()).market
        if market == REAL_MONEY and not trade:
            quote = await engine.quote("SOL", "USDC", "0.01")
            print(f"{market}: quoted {quote.amount_out:f} {quote.token_out}, and traded nothing")
            return
        order = await engine.submit(ORDER)
        async for event in engine.events(order.order_id):
            print(f"{event.raw['at']}  {event.status}")
    if event.status != "confirmed":
        raise Failed(f"expected order {order.order_id} to be confirmed, was {json.dumps(event.raw)}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.smoke", description=__doc__)
    parser.add_argument("--stack", help="the stack; its outputs name the API and the function")
    parser.add_argument("--url", help="the REST API")
    parser.add_argument("--keys-function", help="the function that makes keys")
    parser.add_argument("--trade", action="store_true", help="submit the order on Mainnet too")
    arguments = parser.parse_args()
    if not arguments.stack and not (arguments.url and arguments.keys_function):
        parser.error("expected --stack, or --url and --keys-function")
    try:
        found = outputs(arguments.stack) if arguments.stack else {}
        url, function = arguments.url or found["ApiUrl"], arguments.keys_function or found["KeysFunction"]
        check_health(url)
        created = invoke(function, {"action": "create-key", "name": CLIENT})
        try:
            asyncio.run(check_order(url, created["key"], arguments.trade))
        finally:
            invoke(function, {"action": "revoke-key", "id": created["id"]})
    except TimeoutError:
        sys.exit(f"expected the order to end within {SECONDS:g} s")
    except (Failed, order_engine_client.ClientError, BotoCoreError, ClientError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
