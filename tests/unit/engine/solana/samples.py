"""Recorded pools whose accounts a test may change."""

from __future__ import annotations

from order_engine.solana.accounts import Account, Clock
from order_engine.solana.addresses import Address, address
from order_engine.solana.programs.program import ProgramPool
from tests.unit.engine.solana.recordings import accounts_of, address_of, clock_of, documents, needed, recordings

SIZES = {"u8": 1, "bool": 1, "u16": 2, "u32": 4, "u64": 8, "u128": 16, "i32": 4, "i64": 8, "i128": 16}
"""The bytes of an integer in the recordings' layouts."""


class Sample:
    """A recorded pool before its first swap, by default the first of its file.

    Accounts go by their recorded roles: `pool`, `config`, `vault_a`, …
    """

    def __init__(self, name: str, pool: str | None = None) -> None:
        recording = next(each for each in recordings(name) if pool in (None, each.pool["name"]))
        self.program = recording.program
        self.address = address_of(recording.pool)
        self.accounts: dict[Address, Account | None] = dict(accounts_of(recording.pool))
        self.addresses = {raw["role"]: address(raw["address"]) for raw in recording.pool["accounts"]}
        self.clock = clock_of(recording.rows[0])
        meta = documents()[name]["meta"]
        self._layouts = meta["layouts"] | dict.fromkeys(("vault_a", "vault_b"), meta["spl"]["token_account"])

    def account(self, role: str) -> Account:
        found = self.accounts[self.addresses[role]]
        assert found is not None
        return found

    def replace(self, role: str, account: Account | None) -> None:
        self.accounts[self.addresses[role]] = account

    def write(self, role: str, field: str, value: int | bytes) -> None:
        """Writes a field of an account, named as in the recordings' layouts."""
        layout = next(each for each in self._layouts[role]["fields"] if each["name"] == field)
        account, at = self.account(role), layout["offset"]
        raw = value if isinstance(value, bytes) else value.to_bytes(SIZES[layout["type"]], "little")
        self.replace(role, account._replace(data=account.data[:at] + raw + account.data[at + len(raw) :]))

    def decode(self, clock: Clock | None = None) -> ProgramPool:
        accounts = needed(self.program, self.address, self.accounts)
        return self.program.decode(self.address, accounts, clock or self.clock)
