"""`make run` on its localnet, from the first start to the second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from emulator import stores
from tests.support.browser import ask
from tests.support.concurrency import eventually
from tests.support.folders import data_folder
from tests.support.stack import FREE_PORTS, KEY, ROOT, STORES, WITH_KEY


class Engine:
    """A running engine, with the lines that it printed when it was ready, by their first words."""

    def __init__(self, lines: dict[str, str]) -> None:
        self.lines = lines
        self.rest, self.key = lines["ApiUrl"], KEY

    def balances(self) -> dict[str, Decimal]:
        return {held["token"]: Decimal(held["amount"]) for held in ask(self, "/api/wallet")["balances"]}


@contextmanager
def running(data: Path, port: int) -> Iterator[Engine]:
    """Runs the engine as `make run` does until the block ends, and ends it by Ctrl-C."""
    options = ("--data", str(data), "--localnet-port", str(port), *FREE_PORTS, *STORES, *WITH_KEY)
    with subprocess.Popen(
        [sys.executable, "-m", "tools.run", *options],
        cwd=ROOT, env={"PATH": os.environ["PATH"], "PYTHONPATH": "layers/common:client"},
        stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        giving_up = threading.Timer(120, process.send_signal, [signal.SIGINT])
        giving_up.start()
        assert process.stdout is not None
        lines: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().partition(" ")
            lines[name] = value.strip()
            if name == "Ctrl-C":
                break
        try:
            yield Engine(lines)
        finally:
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate()
            giving_up.cancel()
        assert (process.returncode, output.splitlines()[-1]) == (0, "Stopped.")


def test_orders_trade_on_a_localnet_that_remembers_them() -> None:
    data, port = data_folder(), stores.free_port()
    with running(data, port) as engine:
        wallet = engine.lines["Wallet"]
        assert engine.lines["Market"] == "Localnet"
        assert engine.lines["Explorer"] == f"http://127.0.0.1:{port}/address/{wallet}"
        assert ask(engine, "/api/market")["wallet"] == wallet
        funded = engine.balances()
        order = {"type": "market", "tokenIn": "USDC", "tokenOut": "SOL", "amountIn": "150"}
        order_id = ask(engine, "/api/orders/execute", order)["orderId"]
        eventually(lambda: ask(engine, f"/api/orders/{order_id}")["status"] == "confirmed")
        left = engine.balances()
        assert left["USDC"] == funded["USDC"] - 150
        assert left["SOL"] > funded["SOL"]
    with running(data, port) as engine:
        assert engine.lines["Wallet"] == wallet
        assert engine.balances() == left
        assert ask(engine, f"/api/orders/{order_id}")["market"] == "Localnet"
