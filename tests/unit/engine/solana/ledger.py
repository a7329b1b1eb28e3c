"""A cluster's accounts in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import pack

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
