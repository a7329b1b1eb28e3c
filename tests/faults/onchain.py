"""The localnet of a fault run, on which every transaction of the wallet is held against the fills of the orders."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from localnet.chain import BLOCKHASH_BLOCKS
from localnet.commands import CommandError, airdrop
from localnet.wallet import wallet as wallet_key
from order_engine.domain.quotes import Costs
from order_engine.domain.timing import BLOCKHASH_SECONDS, FINALITY_SECONDS
from tests.faults.arena import Arena, Evidence, Kill, Trade
from tests.faults.node import LocalnetNode
from tests.faults.wallet import ChainWallet, Holdings, Landed
from tests.support.aws_clients import aws
from tests.support.market import Orders
from tests.support.stack import Stack
from tools.run import localnet_parameters

DOWN = (0.5, 3.0)
"""The shortest and longest time without the localnet in seconds."""

FAULTS: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "drop": {"percent": (20, 60)},
    "delay": {"percent": (20, 60), "slots": (1, 140)},
    "lag": {"percent": (5, 30), "slots": (1, 60)},
    "429": {"percent": (2, 10)},
    "503": {"percent": (2, 10)},
    "timeout": {"percent": (1, 5)},
    "fork": {"percent": (5, 25)},
}
"""The least and the most of each fault's options: percentages of sent transactions, of calls, or of slots."""

IN_FORCE = 0.4
"""The probability with which each of these faults is in force."""

EXPIRE = 0.05
"""The probability with which all blockhashes expire when the faults change."""

CHANGES = (0.5, 3.0)
"""The shortest and longest time between two changes of the faults in seconds."""

MANY = 1_000_000
"""More often than a fault can strike: what is left of it shows how often it has."""

FUNDS = {"SOL": "100", "USDC": "50000", "USDT": "5000", "JUP": "20000", "mSOL": "10"}
"""What the wallet begins with. The accounts for its other tokens are opened, and their rents paid, by orders."""

FINALITY_BLOCKS = 32
HURRY_SLOTS = 20
"""The slots that pass in a second of a hurry, beside those that pass anyway."""
POOLS = 27
"""Of the localnet's market."""


class OnLocalnet(Arena):
    """An `Arena` on a localnet with slots of 0.4 seconds, whose pools other traders move."""

    trades = (
        Trade("SOL", "USDC", "0.01", 50),
        Trade("USDC", "SOL", "25", 5),
        Trade("SOL", "RAY", "0.2", 500),
        Trade("JUP", "USDC", "30", 50),
        Trade("USDC", "wSOL", "15", 100),
        Trade("USDT", "BONK", "10", 100),
        Trade("SOL", "mSOL", "0.05", 0),
        Trade("JUP", "mSOL", "40", 50),
        Trade("USDC", "USDT", "100", 1),
        Trade("mSOL", "SOL", "0.01", 20),
        Trade("SOL", "JUP", "1.5", 50),
    )
    # Beside what it takes without a chain: the end of a transaction that was dropped.
    bound = 120.0 + BLOCKHASH_SECONDS + FINALITY_SECONDS
    orders: Orders

    def __init__(self, data: Path, seed: int) -> None:
        self.node = LocalnetNode(data / "localnet", seed)
        file = data / "wallet.json"
        self._wallet = ChainWallet(self.node.url, str(wallet_key(file).pubkey()))
        self.options = (f"--parameter=SolanaRpcUrl={self.node.url}", *localnet_parameters(file, self.node.url))
        self.kills: Mapping[str, tuple[int, Kill]] = {
            "the localnet": (4, self._kill),
            "the localnet, stopped": (2, lambda chance: self.node.pause(chance.uniform(*DOWN))),
        }
        self._struck: Counter[str] = Counter()
        # Held while the faults change; once it settles, they change no more.
        self._changing = threading.Lock()
        self._is_settled = False

    def open(self, stack: Stack) -> None:
        for symbol, amount in FUNDS.items():
            airdrop(self.node.url, self._wallet.address, amount, symbol)
        self.node.call("localnet_advance", FINALITY_BLOCKS + 1)
        self._before = self._wallet.holdings()
        self._earlier = {landed.signature for landed in self._wallet.landed()}
        self.orders = Orders(stack.parameters["DatabaseUrl"])
        with aws(stack, "lambda") as functions:
            answer = functions.invoke(FunctionName=stack.physical("DiscoverFunction"), Payload=b"{}")
            found = json.load(answer["Payload"])
        assert found["found"] == POOLS, found

    def restart(self) -> None:
        self.node.kill()
        self.node.start()

    async def misbehave(self, chance: random.Random) -> None:
        while True:
            # A call takes as long as the localnet is down.
            await asyncio.to_thread(self._change_faults, chance)
            await asyncio.sleep(chance.uniform(*CHANGES))

    async def hurry(self) -> None:
        while True:
            await asyncio.to_thread(self.node.call, "localnet_advance", HURRY_SLOTS)
            await asyncio.sleep(1)

    def settle(self) -> None:
        with self._changing:
            self._is_settled = True
            self._end_faults()
        # Whatever was delayed has landed by then, or can no longer.
        self.node.call("localnet_advance", BLOCKHASH_BLOCKS + FINALITY_BLOCKS + 1)
        self._landed = [landed for landed in self._wallet.landed() if landed.signature not in self._earlier]
        self._after = self._wallet.holdings()

    def swapped(self) -> Counter[str]:
        return Counter(landed.signature for landed in self._landed if landed.swapped)

    def audit(self) -> Evidence:
        landed = {transaction.signature: transaction for transaction in self._landed}
        recorded = [
            _recorded(row["data"])
            for row in self.orders.database.fetch(
                "SELECT data FROM order_events WHERE status = 'confirmed' AND data ->> 'signature' IS NOT NULL"
            )
        ]
        costs = [transaction for transaction in self._landed if not transaction.swapped]
        return {
            "fills that are not the chain's": [
                f"expected {landed.get(fill.signature)}, was {fill}"
                for fill in recorded
                if fill != landed.get(fill.signature)
            ],
            "balances that the fills do not account for": _differences(
                _booked(self._before, recorded, costs), self._after
            ),
            "errors of the localnet": self.node.errors(),
        }

    def rows(self) -> list[tuple[str, str]]:
        failed = [transaction for transaction in self._landed if not transaction.swapped]
        fees = sum(transaction.fee for transaction in self._landed)
        rents = sum(transaction.rent for transaction in self._landed)
        struck = ", ".join(f"{kind} {count}" for kind, count in sorted(self._struck.items()))
        return [
            ("faults of the localnet that struck", struck),
            ("transactions that swapped, that failed on chain", f"{len(self._landed) - len(failed)}, {len(failed)}"),
            ("lamports of fees, of rents", f"{fees}, {rents}"),
        ]

    def close(self) -> None:
        self.node.kill()

    def _kill(self, chance: random.Random) -> None:
        self.node.kill()
        time.sleep(chance.uniform(*DOWN))
        self.node.start()

    def _change_faults(self, chance: random.Random) -> None:
        with self._changing, suppress(CommandError):
            if self._is_settled:
                return
            self._end_faults()
            for kind, ranges in FAULTS.items():
                if chance.random() < IN_FORCE:
                    options = {name: chance.randint(*span) for name, span in ranges.items()}
                    self.node.call("localnet_fault", kind, {"times": MANY, **options})
            if chance.random() < EXPIRE:
                self.node.call("localnet_fault", "expire")
                self._struck["expire"] += 1

    def _end_faults(self) -> None:
        for fault in self.node.call("localnet_faults"):
            self._struck[fault["kind"]] += MANY - fault["times"]
        self.node.call("localnet_clear")


def _recorded(fill: Mapping[str, Any]) -> Landed:
    """The transaction of a fill as the engine has recorded it."""
    fee, rent = Costs.load(fill["costs"])
    changes = Counter({"SOL": -fee - rent})
    changes[fill["token_in"]] -= int(fill["amount_in"])
    changes[fill["token_out"]] += int(fill["amount_out"])
    return Landed(fill["signature"], True, fee, rent, {symbol: amount for symbol, amount in changes.items() if amount})


def _booked(before: Holdings, fills: Iterable[Landed], failed: Iterable[Landed]) -> Holdings:
    """What the wallet must hold after these fills, and after the fees of transactions that failed on chain."""
    tokens, rent = Counter(before.tokens), before.rent
    for fill in fills:
        tokens.update(fill.changes)
        rent += fill.rent
    tokens["SOL"] -= sum(transaction.fee for transaction in failed)
    return Holdings(tokens, rent)


def _differences(expected: Holdings, was: Holdings) -> list[str]:
    symbols = sorted(expected.tokens.keys() | was.tokens.keys())
    pairs = {symbol: (expected.tokens.get(symbol, 0), was.tokens.get(symbol, 0)) for symbol in symbols}
    pairs["rent"] = expected.rent, was.rent
    return [f"{what}: expected {booked}, was {held}" for what, (booked, held) in pairs.items() if booked != held]
