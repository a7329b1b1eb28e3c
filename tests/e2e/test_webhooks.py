"""The events of an order arrive at an address on this machine, signed and in order."""

from __future__ import annotations

import pytest

from tests.support.client import Until, client
from tests.support.market import Market
from tests.support.receiver import receiver
from tests.support.stack import Stack


@pytest.mark.needs("local")
async def test_the_events_of_an_order_arrive_signed_and_in_order(stack: Stack, market: Market) -> None:
    with receiver() as receiving:
        async with client(stack) as at:
            registered = await at.request("POST", "/api/webhooks", json={"url": f"{receiving.url}/hook"})
            assert registered.status == 201
            path = f"/api/webhooks/{registered.body['webhookId']}"
            try:
                order_id = (await at.submit(slippageBps=500))["orderId"]
                async for _ in Until("the receiver has every event"):
                    order = await at.order(order_id)
                    seqs = receiving.seqs().get(order_id, [])
                    if order["status"] == "confirmed" and seqs == [event["seq"] for event in order["events"]]:
                        break
                assert all(message.is_signed_with(registered.body["secret"]) for message in receiving.taken)
                assert (await at.request("GET", f"{path}/deliveries")).body["deliveries"][0]["orderId"] == order_id
            finally:
                assert (await at.request("DELETE", path)).status == 200
