"""The accounts of a chain on which the stand-ins are carried out, without fees, signatures or a runtime."""

from __future__ import annotations

from solders.account import Account
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet.market import genesis
from localnet.programs import STANDINS
from localnet.programs.records import Record
from localnet.programs.standin import Clock
from localnet.programs.tokens import TOKEN_ACCOUNT

FAUCET = Keypair.from_seed(bytes([1]) * 32).pubkey()
TRADERS = Keypair.from_seed(bytes([2]) * 32)
CLOCK = Clock(slot=435_888_000, epoch=1009, unix_timestamp=1_764_000_000)


class Bank:
    """Begins with the market."""

    def __init__(self) -> None:
        self.accounts = dict(genesis(FAUCET, TRADERS.pubkey()))

    def read(self, key: Pubkey) -> Account | None:
        return self.accounts.get(key)

    def run(self, transaction: VersionedTransaction, clock: Clock) -> None:
        """Raises `ProgramError`, and `OverflowError` where an account has too few tokens."""
        keys = transaction.message.account_keys
        for instruction in transaction.message.instructions:
            if standin := STANDINS.get(keys[instruction.program_id_index]):
                accounts = [keys[index] for index in instruction.accounts]
                outcome = standin(accounts, instruction.data, self.read, clock)
                for key, data in outcome.writes.items():
                    self.write(key, data)
                for source, destination, amount, _ in outcome.transfers:
                    self._move(source, -amount)
                    self._move(destination, amount)

    def write(self, key: Pubkey, data: bytes) -> None:
        account = self.accounts[key]
        self.accounts[key] = Account(account.lamports, data, account.owner)

    def _move(self, key: Pubkey, change: int) -> None:
        record = Record.of(TOKEN_ACCOUNT, self.accounts[key].data)
        amount = record["amount"] + change
        if amount < 0:
            raise OverflowError(f"expected at least {-change} in {key}, was {record['amount']}")
        record["amount"] = amount
        self.write(key, record.data())
