"""The commands and requests in docs/orders.md, as they are written there."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.client import client
from tests.support.command_line import as_json, end_all
from tests.support.market import Market
from tests.support.stack import ROOT, Stack

PAGE = (ROOT / "docs/orders.md").read_text()


def test_the_commands_work(stack: Stack, market: Market) -> None:
    commands = re.findall(r"^\$ \./orders (submit .*?)(?: +#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) >= 6
    made = [as_json(stack, *shlex.split(command)) for command in commands]
    assert [order["status"] for order in made] == ["open"] * len(made)
    end_all(stack)


def test_the_curl_commands_work(stack: Stack, market: Market) -> None:
    """Each continues with the order that the first one has made."""
    order_id = ""
    commands = re.findall(r"^\$ (curl (?:.*\\\n)*.*)$", PAGE, re.MULTILINE)
    for command, status in zip(commands, ("open", "open", None), strict=True):
        ready = command.replace("http://127.0.0.1:3000", stack.rest).replace("/orders/ID", f"/orders/{order_id}")
        environment = {"PATH": os.environ["PATH"], "ORDERS_KEY": stack.key}
        ended = subprocess.run(
            ["sh", "-c", ready], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        answer = json.loads(ended.stdout)
        assert answer.get("status") == status
        order_id = answer.get("orderId", order_id)
    assert answer == {"cancelled": [order_id], "complete": True}


@pytest.mark.parametrize("body", re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
async def test_the_requests_work(stack: Stack, market: Market, body: str) -> None:
    """With an expiry in the future, and a token that exists."""
    in_an_hour = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    form = json.loads(body.replace("2026-12-31T12:00:00Z", in_an_hour).replace("MINT", "JUP"))
    async with client(stack) as at:
        answer = await at.request("POST", "/api/orders/execute", json=form)
    assert (answer.status, answer.body["tokenIn"]) == (202, form["tokenIn"])
    end_all(stack)
