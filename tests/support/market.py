"""The market and the orders of a running stack: the simulated market in its database, or a localnet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg

from localnet import commands as localnet
from order_engine.dex.pool import Pool, load
from order_engine.domain import events
from order_engine.domain.ids import uuid7
from order_engine.domain.markets import LOCALNET, SIMULATED
from order_engine.domain.money import parse_amount
from order_engine.domain.orders import OrderRequest
from order_engine.domain.quotes import Costs, PlannedSwap
from order_engine.domain.tokens import TOKENS
from order_engine.services.discovery import Discovery
from order_engine.simulation.faults import clear_faults, set_fault
from order_engine.simulation.new_tokens import create_mint, create_pool
from order_engine.simulation.pools import PoolSetting, pool_settings
from order_engine.simulation.schema import create_pools
from order_engine.solana.addresses import address, associated_token_account, encode
from order_engine.solana.deployments import deployment
from order_engine.solana.nodes import Nodes
from order_engine.solana.pool_source import SolanaPools
from order_engine.solana.rpc import Rpc
from order_engine.solana.wallet import SolanaWallet
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.pools import PostgresPoolRegistry
from tests.support.databases import pass_time

CONFIRMED = {"commitment": "confirmed"}


class Orders:
    """The orders in the database of a running stack, which trades in the market of this name."""

    name: str

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self.database = Database(database_url)

    def close(self) -> None:
        self.database.close()

    def orders(self) -> int:
        return self._count("SELECT count(*) FROM orders")

    def development_orders(self) -> list[str]:
        """Returns the ids of the orders of the client "development", newest first."""
        rows = self.database.fetch(
            "SELECT orders.id FROM orders JOIN clients ON clients.id = client_id"
            " WHERE name = 'development' ORDER BY orders.id DESC"
        )
        return [str(row["id"]) for row in rows]

    def confirmed(self) -> int:
        """Returns how many orders were filled. Of a recurring order the slices are."""
        return self._count("SELECT count(*) FROM orders WHERE status = 'confirmed' AND type <> 'recurring'")

    def order_without_message(self) -> str:
        """Stores an order without sending its message. Returns its id."""
        request = OrderRequest(type="market", token_in="SOL", token_out="USDC", amount_in=10_000_000)
        (client,) = self.database.fetch("SELECT id FROM clients WHERE name = 'development'")
        data = events.pending(request, self.name)
        store = PostgresOrderStore(self.database, market=self.name)
        return str(store.insert(uuid7(), client["id"], request, data).id)

    def unfinished(self) -> int:
        return self._count(
            "SELECT count(*) FROM orders WHERE status NOT IN ('confirmed', 'failed', 'cancelled', 'expired')"
        )

    def priced(self) -> list[dict[str, Any]]:
        """Returns what is stored of the orders that wait for a price."""
        return self.database.fetch("SELECT * FROM orders WHERE status = 'open' AND trigger_out IS NOT NULL")

    def pass_time(self, seconds: float) -> None:
        """Moves the leases and timestamps of all orders back by `seconds`."""
        pass_time(self.database, seconds)

    def _count(self, statement: str) -> int:
        (row,) = self.database.fetch(statement)
        count: int = row["count"]
        return count


def _initial_pools() -> dict[str, PoolSetting]:
    return {setting.id: setting for setting in pool_settings()}


class Market(Orders):
    """The simulated market."""

    name = SIMULATED

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self._opened = 0
        self._first = _initial_pools()

    def new_mint(self, decimals: int = 6, *, can_freeze: bool = False) -> str:
        """Makes a token without a pool."""
        return create_mint(self.database, decimals, can_freeze=can_freeze)

    def new_pool(self, mint: str, paired: str = "SOL", price: str = "0.001", liquidity: str = "100") -> None:
        """Makes a pool of CP-Swap. Orders know it at once."""
        held = parse_amount(liquidity, TOKENS[paired])
        id = create_pool(self.database, mint, TOKENS[paired], Decimal(price), held, "raydium_cp")
        self._first[id] = PoolSetting(id, "raydium", mint, paired, self.pool(id))

    def fault(self, venue: str, step: str, kind: str, times: int | None = None) -> None:
        set_fault(self.database, venue, step, kind, times)

    def reset(self) -> None:
        """Removes all faults and restores the initial pools."""
        self.clear_faults()
        self.database.execute("DELETE FROM market_pools")
        create_pools(self.database)
        self._first = _initial_pools()
        (row,) = self.database.fetch("SELECT coalesce(max(position), 0) AS position FROM market_transactions")
        self._opened = row["position"]

    def assert_in_order(self) -> None:
        """Fails unless all orders are final, each confirmed order has swapped once, and no other has.

        Replays every swap from the initial pools: each must have paid what the pools' formulas say, and the last must
        leave the pools as they are now.
        """
        assert self.unfinished() == 0
        assert self.swaps() == self.confirmed()
        pools = {id: setting.pool for id, setting in self._first.items()}
        for transaction in self.database.fetch(
            "SELECT * FROM market_transactions WHERE swapped AND position > %(opened)s ORDER BY position",
            {"opened": self._opened},
        ):
            for swap in transaction["swaps"]:
                made = PlannedSwap.load(swap)
                a_to_b = made.token_in == self._first[made.pool].token_a
                expected, pools[made.pool] = pools[made.pool].swap(made.amount_in, a_to_b, transaction["landed_at"])
                assert made.amount_out == expected.amount_out
        assert pools == self.pools()

    def clear_faults(self) -> None:
        clear_faults(self.database)

    def find_pools(self, mint: str) -> None:
        """Every pool is known from the start."""

    def faults(self) -> list[dict[str, Any]]:
        return self.database.fetch("SELECT venue, step FROM market_faults")

    def pools(self) -> dict[str, Pool]:
        """Returns the stored pools by address."""
        rows = self.database.fetch("SELECT id, kind, state FROM market_pools")
        return {row["id"]: load(row["kind"], row["state"]) for row in rows}

    def pool(self, id: str) -> Pool:
        return self.pools()[id]

    def landed(self, signatures: list[str]) -> list[dict[str, Any]]:
        """Returns a row for each of these transactions that landed."""
        return self.database.fetch(
            "SELECT signature, swapped, amount_in, amount_out FROM market_transactions WHERE signature = ANY(%(all)s)",
            {"all": signatures},
        )

    def swaps(self) -> int:
        return self._count("SELECT count(*) FROM market_transactions WHERE swapped")

    @contextmanager
    def held(self, token_out: str) -> Iterator[None]:
        """Keeps swaps of this token from landing: their orders stay `submitted` until the block ends."""
        holder = psycopg.connect(self._url)
        try:
            holder.execute("SELECT FROM market_pools WHERE %s IN (token_a, token_b) FOR UPDATE", (token_out,))
            yield
        finally:
            holder.close()


FUNDS = 90 * 10**9
"""The least that the wallet of a localnet has when a test begins, in lamports. A new one has a little more."""


class Localnet(Orders):
    """The chain of a localnet on which the engine's wallet trades. Nobody else moves its pools."""

    name = LOCALNET

    def __init__(self, database_url: str, rpc_url: str, wallet: str) -> None:
        super().__init__(database_url)
        self._rpc_url = rpc_url
        self._wallet = wallet
        self._new_mints: list[str] = []
        self.reset()

    def new_mint(self, decimals: int = 6, *, can_freeze: bool = False) -> str:
        """Makes a token without a pool."""
        mint: str = self._call("localnet_createMint", {"decimals": decimals, "freezeAuthority": can_freeze})
        self._new_mints.append(mint)
        self._balances[mint] = 0
        return mint

    def new_pool(self, mint: str, paired: str = "SOL", price: str = "0.001", liquidity: str = "100") -> None:
        """Makes a pool of CP-Swap. Orders know it once it is found."""
        localnet.create_pool(self._rpc_url, mint, paired, price, liquidity)

    def find_pools(self, mint: str) -> None:
        """Finds the pools of a mint, as the engine does for orders that wait for one."""
        source = SolanaPools(Rpc(Nodes(self._rpc_url)), deployment(LOCALNET))
        Discovery(source=source, registry=PostgresPoolRegistry(self.database, "localnet")).find(mint, "SOL", 60)

    def reset(self) -> None:
        """Ends all faults, gives the wallet the SOL that it has spent, and begins to account for its balances."""
        self.clear_faults()
        held = self.balances()
        if held["SOL"] < FUNDS:
            self.give(self._wallet, "SOL", FUNDS - held["SOL"])
        self._new_mints = [mint for mint in self._new_mints if held[mint]]
        self._balances = self.balances()
        self._earlier = {row["signature"] for row in self._signed()}

    def fault(self, kind: str, **options: Any) -> None:
        """Puts a fault in force: `times`, `percent`, `slots`."""
        self._call("localnet_fault", kind, options)

    def clear_faults(self) -> None:
        self._call("localnet_clear")

    def give(self, wallet: str, token: str, units: int) -> None:
        """Puts tokens into any wallet."""
        localnet.call(self._rpc_url, "localnet_airdrop", wallet, units, token)

    def balances_of(self, wallet: str) -> dict[str, int]:
        """What any wallet holds of the tokens with a symbol, in base units."""
        return SolanaWallet.at(wallet, Rpc(Nodes(self._rpc_url)), deployment(LOCALNET)).balances()

    def advance(self, slots: int) -> None:
        """Lets slots pass at once."""
        self._call("localnet_advance", slots)

    @contextmanager
    def held(self, token_out: str) -> Iterator[None]:
        """Keeps every transaction from landing: their orders stay `submitted` until the block ends."""
        self.fault("drop")
        try:
            yield
        finally:
            self.clear_faults()

    def assert_in_order(self) -> None:
        """Fails unless all orders are final, each confirmed order has swapped once, and no other has.

        Every lamport and every token of the wallet is accounted for by the fills, their fees and rents.
        """
        assert self.unfinished() == 0
        # A recurring order has no transaction of its own.
        fills = {row["data"]["signature"]: row["data"] for row in self._events("confirmed") if row["data"]["signature"]}
        expected = dict(self._balances)
        for signature in {row["signature"] for row in self._signed()} - self._earlier:
            landed = self._call("getTransaction", signature, {**CONFIRMED, "maxSupportedTransactionVersion": 0})
            fill = fills.pop(signature, None)
            assert (fill is not None) == (landed is not None and landed["meta"]["err"] is None), signature
            if landed and landed["transaction"]["message"]["accountKeys"][0] != self._wallet:
                continue  # A wallet of the client has paid.
            if fill:
                costs = Costs.load(fill["costs"])
                assert costs.fee_lamports == landed["meta"]["fee"]
                expected[fill["token_in"]] -= int(fill["amount_in"])
                expected[fill["token_out"]] += int(fill["amount_out"])
                expected["SOL"] -= sum(costs)
            elif landed:
                expected["SOL"] -= landed["meta"]["fee"]
        assert fills.keys() <= self._earlier
        assert self.balances() == expected

    def balances(self) -> dict[str, int]:
        """What the wallet holds of each token, new ones included, in base units."""
        owner = address(self._wallet)
        mints = {**deployment(LOCALNET).mints, **{mint: address(mint) for mint in self._new_mints}}
        accounts = {
            symbol: encode(associated_token_account(owner, mint)) for symbol, mint in mints.items() if symbol != "SOL"
        }
        held = {"SOL": self._call("getBalance", self._wallet, CONFIRMED)["value"]}
        for symbol, account in accounts.items():
            found = self._call("getAccountInfo", account, {**CONFIRMED, "encoding": "jsonParsed"})["value"]
            held[symbol] = int(found["data"]["parsed"]["info"]["tokenAmount"]["amount"]) if found else 0
        return held

    def landed(self, signatures: list[str]) -> list[dict[str, Any]]:
        """Returns a row for each of these transactions that landed."""
        statuses = self._call("getSignatureStatuses", signatures, {"searchTransactionHistory": True})["value"]
        return [
            {"signature": signature, "swapped": status["err"] is None}
            for signature, status in zip(signatures, statuses, strict=True)
            if status
        ]

    def swaps(self) -> int:
        signatures = [row["signature"] for row in self._signed()]
        return sum(row["swapped"] for row in self.landed(signatures))

    def _signed(self) -> list[dict[str, Any]]:
        """The data of every signed transaction."""
        return [row["data"] for row in self._events("building")]

    def _events(self, status: str) -> list[dict[str, Any]]:
        return self.database.fetch("SELECT data FROM order_events WHERE status = %(status)s", {"status": status})

    def _call(self, method: str, *params: Any) -> Any:
        return localnet.call(self._rpc_url, method, *params)
