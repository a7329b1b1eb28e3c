"""The accounts and programs of the chain, in LiteSVM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from solders import clock as sysvar
from solders.account import Account
from solders.compute_budget import ComputeBudget
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.litesvm import LiteSVM
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction
from solders.transaction_metadata import FailedTransactionMetadata

from localnet.programs.standin import Clock, Standin
from localnet.transactions import Budget

_NOTHING = Account(0, b"", Pubkey.default())


class ProgramFileError(Exception):
    """A file with a program cannot be used."""


class Inner(NamedTuple):
    """An instruction that a program has called, at this height of the stack; those of the transaction are at 1."""

    instruction: CompiledInstruction
    height: int


class ReturnData(NamedTuple):
    program: Pubkey
    data: bytes


class Epoch(NamedTuple):
    """The epoch of a slot, the slot's place in it, and its length in slots."""

    number: int
    slot_index: int
    slots: int


class Run(NamedTuple):
    """What running a transaction came to. `inner` has a list for each instruction that was begun."""

    error: Any
    """As JSON-RPC has it, such as `{"InstructionError": [1, {"Custom": 6005}]}`; `None` for success."""
    logs: list[str]
    inner: list[list[Inner]]
    units: int
    fee: int
    """In lamports."""
    accounts: dict[Pubkey, Account]
    """The writable accounts after a success; one without lamports is gone."""
    return_data: ReturnData | None


class Runtime:
    """The state of the newest block, in which transactions are run without being kept.

    `standins` carry out the instructions of programs that are not there.
    """

    def __init__(self, standins: dict[Pubkey, Standin]) -> None:
        # Signatures and blockhashes are checked by those who know the ledger; logs are cut where they are complete.
        self._svm = (
            LiteSVM()
            .with_sigverify(False)
            .with_blockhash_check(False)
            .with_transaction_history(0)
            .with_log_bytes_limit(None)
        )
        self.standins = standins

    def load_programs(self, folder: Path) -> list[Pubkey]:
        """Loads the programs of a folder, `ID.so` each, and drops the stand-ins. Raises `ProgramFileError`."""
        loaded = []
        for file in sorted(folder.glob("*.so")):
            try:
                program = Pubkey.from_string(file.stem)
                self._svm.add_program_from_file(program, file)
            except (ValueError, OSError) as error:
                message = f"expected a program in a file that its address names, was {file}: {error}"
                raise ProgramFileError(message) from None
            loaded.append(program)
        if not loaded:
            raise ProgramFileError(f"expected programs as ID.so in {folder}, found none")
        self.standins = {}
        return loaded

    def get(self, address: Pubkey) -> Account | None:
        return self._svm.get_account(address)

    def put(self, address: Pubkey, account: Account | None) -> None:
        """Writes an account, or removes it with `None`."""
        self._svm.set_account(address, account or _NOTHING)

    def owned_by(self, program: Pubkey) -> dict[Pubkey, Account]:
        return dict(self._svm.get_program_accounts(program))

    def rent(self, size: int) -> int:
        """The lamports that an account with `size` bytes of data must hold."""
        return self._svm.minimum_balance_for_rent_exemption(size)

    def epoch(self, slot: int) -> Epoch:
        """The epoch that a slot is in."""
        schedule = self._svm.get_epoch_schedule()
        number, index = schedule.get_epoch_and_slot_index(slot)
        return Epoch(number, index, schedule.get_slots_in_epoch(number))

    @property
    def clock(self) -> Clock:
        """The time that programs see."""
        clock = self._svm.get_clock()
        return Clock(clock.slot, clock.epoch, clock.unix_timestamp)

    def set_clock(self, slot: int, unix_timestamp: int) -> None:
        epoch = self.epoch(slot).number
        self._svm.set_clock(sysvar.Clock(slot, unix_timestamp, epoch, epoch + 1, unix_timestamp))

    def set_slot_hashes(self, hashes: list[tuple[int, Hash]]) -> None:
        """Which blocks programs know, newest first: the lookup-table program asks for one."""
        self._svm.set_slot_hashes(hashes)

    def run(self, transaction: VersionedTransaction, budget: Budget) -> Run:
        """Runs a transaction on the present state, and keeps nothing of it."""
        compute = ComputeBudget(True)
        compute.compute_unit_limit = budget.units
        compute.heap_size = budget.heap_bytes
        result = self._svm.with_compute_budget(compute).simulate_transaction(transaction)
        error, accounts = None, dict[Pubkey, Account]()
        if isinstance(result, FailedTransactionMetadata):
            error = json.loads(result.to_json())["err"]
        else:
            accounts = dict(result.post_accounts())
        meta = result.meta()
        returned = meta.return_data()
        return Run(
            error=error,
            logs=meta.logs(),
            inner=[
                [Inner(call.instruction(), call.stack_height() or 2) for call in calls]
                for calls in meta.inner_instructions()
            ],
            units=meta.compute_units_consumed(),
            fee=meta.fee(),
            accounts=accounts,
            return_data=ReturnData(returned.program_id, bytes(returned.data)) if returned.data else None,
        )
