"""Submits an order and follows it to its end, across lost connections: python watch.py SOL USDC 1.5

With a price, as in python watch.py SOL USDC 1.5 180, the order waits until one SOL pays 180 USDC, for an hour at most.
Needs Python 3.11 and `pip install ./client`. ORDERS_URL and ORDERS_KEY name the engine and your key.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from order_engine_client import Client, ClientError, LimitOrder, MarketOrder


def main(token_in: str, token_out: str, amount: str, limit: str | None = None) -> None:
    order: MarketOrder | LimitOrder = MarketOrder(token_in=token_in, token_out=token_out, amount_in=amount)
    if limit:
        order = LimitOrder(
            token_in=token_in,
            token_out=token_out,
            amount_in=amount,
            limit_price=limit,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
    with Client() as client:
        for event in client.events(client.submit(order).order_id):
            why = event.raw["data"].get("reason") or event.raw["data"].get("message") or ""
            print(event.seq, event.status, why)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ClientError as error:
        sys.exit(str(error))
