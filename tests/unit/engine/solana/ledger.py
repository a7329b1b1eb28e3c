"""A cluster's accounts in memory, and a registry of pools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from struct import pack

from order_engine.domain.errors import EngineError
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import CLOCK, SYSTEM, Address
from order_engine.solana.nodes import RpcError
from order_engine.solana.rpc import MAX_ACCOUNTS, Snapshot
from tests.unit.engine.solana.samples import Sample

KINDS = ("raydium_cp", "raydium_amm_v4", "raydium_clmm", "meteora_dlmm", "meteora_damm_v2")
"""The files with recorded pools, which are named by kind."""


@dataclass
class Ledger:
    """What the nodes of a cluster answer. Each answer is of another slot.

    `calls` holds the accounts and the least slot of each call; `before` is called before each answer, with its number.
    """

    found: dict[Address, Account | None] = field(default_factory=dict)
    calls: list[tuple[list[Address], int]] = field(default_factory=list)
    searches: list[tuple[Address, int, Mapping[int, bytes]]] = field(default_factory=list)
    before: Callable[[int], None] = lambda number: None
    refuses_searches: bool = False

    def accounts(self, addresses: Sequence[Address], min_slot: int = 0) -> Snapshot:
        assert len(set(addresses)) == len(addresses) <= MAX_ACCOUNTS
        self.calls.append(([*addresses], min_slot))
        self.before(len(self.calls))
        return Snapshot(100 + len(self.calls), {key: self.found.get(key) for key in addresses})

    def program_accounts(self, program: Address, size: int, contents: Mapping[int, bytes]) -> Snapshot:
        self.searches.append((program, size, contents))
        if self.refuses_searches:
            raise RpcError("node: getProgramAccounts is not available (-32010)", -32010)
        return Snapshot(
            100,
            {
                key: account
                for key, account in self.found.items()
                if account is not None
                and account.owner == program
                and len(account.data) == size
                and all(account.data[at : at + len(raw)] == raw for at, raw in contents.items())
            },
        )


def ledger_of(*samples: Sample) -> Ledger:
    """The accounts of these pools, at the time of the first one."""
    slot, unix_timestamp = samples[0].clock
    ledger = Ledger({CLOCK: Account(SYSTEM, 1, pack("<QqQQq", slot, 0, 0, 0, unix_timestamp))})
    for sample in samples:
        ledger.found |= sample.accounts
    return ledger


def companions_of(sample: Sample) -> list[Address]:
    return sample.program.companions(sample.address, sample.account("pool").data)


@dataclass
class Registry:
    """A `PoolRegistry`. Storing companions raises `refusal`, if there is one."""

    pools: dict[str, RegisteredPool] = field(default_factory=dict)
    stored: int = 0
    refusal: EngineError | None = None

    def enabled(self, tokens: Sequence[str]) -> list[RegisteredPool]:
        return [pool for pool in self.pools.values() if pool.enabled and {pool.token_a, pool.token_b} <= {*tokens}]

    def all(self) -> list[RegisteredPool]:
        return [*self.pools.values()]

    def add(self, pool: RegisteredPool) -> None:
        known = self.pools.get(pool.address)
        if known is None or known.source is Source.DISCOVERED or pool.source is Source.BY_HAND:
            self.pools[pool.address] = pool

    def remove(self, address: str) -> bool:
        raise NotImplementedError

    def disable(self, addresses: Sequence[str]) -> None:
        for address in addresses:
            if self.pools[address].source is Source.DISCOVERED:
                self.pools[address] = replace(self.pools[address], enabled=False)

    def set_companions(self, address: str, companions: Sequence[str]) -> None:
        self.stored += 1
        if self.refusal:
            raise self.refusal
        self.pools[address] = replace(self.pools[address], companions=tuple(companions))
