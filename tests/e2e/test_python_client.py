"""The Python client on a stack: the program that the documentation shows, and every type of order."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from order_engine_client import Client, Conflict, LimitOrder, MarketOrder, NewTerms, OcoOrder, RecurringOrder, StopOrder
from order_engine_client.models import LimitTerms
from tests.support.market import Market
from tests.support.stack import ROOT, Stack


@pytest.fixture
def client(stack: Stack) -> Iterator[Client]:
    with Client(stack.rest, stack.key) as client:
        client.cancel_all()
        yield client
        client.cancel_all()


@pytest.mark.parametrize("page", ["README.md", "docs/clients.md", "client/README.md"])
def test_five_lines_show_a_fill(stack: Stack, market: Market, client: Client, page: str) -> None:
    (program,) = re.findall(r"```python\n(from order_engine_client .*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert len(program.splitlines()) == 5
    program = program.replace('"http://127.0.0.1:3000", key', repr(stack.rest) + ", " + repr(stack.key))
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "PYTHONWARNINGS": "error"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    newest = client.orders(limit=1).orders[0]
    assert newest.amount_out is not None
    assert Decimal(ended.stdout) == newest.amount_out


def test_an_order_is_quoted_submitted_followed_and_listed(client: Client, market: Market) -> None:
    quote = client.quote("SOL", "USDC", "0.01")
    order = MarketOrder(token_in="SOL", token_out="USDC", amount_in=quote.amount_in, quote_id=quote.quote_id)
    accepted = client.submit(order, idempotency_key=quote.quote_id)
    assert client.submit(order, idempotency_key=quote.quote_id) == accepted

    events = list(client.events(accepted.order_id))
    assert [event.status for event in events] == ["pending", "routing", "building", "submitted", "confirmed"]
    assert [event.raw for event in client.events(accepted.order_id, after=3)] == [event.raw for event in events[3:]]
    ended = client.ended(accepted.order_id)
    assert ended.amount_out is not None
    assert ended.amount_out >= quote.min_out
    assert [event.raw for event in ended.events] == [event.raw for event in events]
    assert client.orders(limit=1, status="confirmed", token_pair="SOL-USDC").orders[0].order_id == accepted.order_id
    with pytest.raises(Conflict) as refused:
        client.cancel(accepted.order_id)
    assert refused.value.code == "TooLateToCancel"


def test_orders_that_wait_are_replaced_and_cancelled(client: Client) -> None:
    price = client.quote("SOL", "USDC", "0.01").price
    swap: dict[str, Any] = {"token_in": "SOL", "token_out": "USDC", "amount_in": Decimal("0.01")}
    high, low = round(price * 2, 2), round(price / 2, 2)
    limit = client.submit(LimitOrder(**swap, limit_price=high))
    stop = client.submit(StopOrder(**swap, stop_price=low, confirm_ticks=2))
    pair = client.submit(OcoOrder(**swap, limit_price=high, stop_price=low))
    recurring = client.submit(RecurringOrder(**swap, slices=3, interval_seconds=3600, min_price=high))
    waiting = {limit.order_id, stop.order_id, pair.order_id, pair.linked_order_id, recurring.order_id}
    assert {order.order_id for order in client.all_orders(status="open")} == waiting

    replaced = client.replace(limit.order_id, NewTerms(limit_price=high + 1))
    assert isinstance(replaced.terms, LimitTerms)
    assert replaced.terms.limit_price == high + 1
    assert client.cancel(stop.order_id).status == "cancelled"
    assert set(client.cancel_all(type="recurring")) == {recurring.order_id}
    assert set(client.cancel_all()) == waiting - {stop.order_id, recurring.order_id}
    assert list(client.all_orders(status="open")) == []
