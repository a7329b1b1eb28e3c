"""Runs a transaction that calls stand-ins.

A stand-in's instruction becomes the token transfers that it asks for. They run in LiteSVM together with the rest of
the transaction, so that balances, errors, fees and rent are those of the real token programs. Logs, inner
instructions and errors are told of the transaction as it was sent.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from solders.account import Account
from solders.compute_budget import set_compute_unit_limit
from solders.instruction import CompiledInstruction
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

from localnet import logs
from localnet.addresses import COMPUTE_BUDGET, TOKEN
from localnet.flat_message import FlatMessage
from localnet.programs.standin import InstructionFailed, Outcome, ProgramError, Standin, Transfer
from localnet.runtime import Inner, Run, Runtime
from localnet.tokens import DECIMALS, DELEGATE, DELEGATED_AMOUNT, token_account
from localnet.transactions import Budget, Keys, Reader, Transaction

STANDIN_UNITS = 30_000
"""What a stand-in is charged beside its transfers. The programs take between 9 000 and 70 000."""

_LIMIT_UNITS = 150  # what the instruction that sets the limit takes itself
_RENT = 10**9  # lamports: more than any account needs

_logger = logging.getLogger(__name__)


class _Call(NamedTuple):
    """What a stand-in has done: its log lines, and its transfers as a reader sees them."""

    lines: Sequence[str]
    transfers: Sequence[CompiledInstruction]
    units: int
    """The compute units that were left before it."""


class _Part(NamedTuple):
    """An instruction of the transaction: its program, what runs in its place, and what a stand-in has done."""

    program: Pubkey
    runs: Sequence[CompiledInstruction]
    call: _Call | None


class _Failed(Exception):
    """A stand-in's instruction ends with this error, and this reason in the runtime's last line."""

    def __init__(self, kind: Any, reason: str, lines: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.lines = lines


_OUT_OF_UNITS = _Failed("ProgramFailedToComplete", "exceeded CUs meter at BPF instruction")


class StandinRun:
    """One run of a transaction on the present state. Nothing of it is kept."""

    def __init__(self, runtime: Runtime, transaction: Transaction, keys: Keys, budget: Budget) -> None:
        self._runtime = runtime
        self._transaction = transaction
        self._keys = keys
        self._at = {key: index for index, key in enumerate(keys.all)}
        self._message = FlatMessage(transaction.message, keys)
        self._budget = budget
        self._parts: list[_Part] = []
        self._charged = 0  # compute units, of the stand-ins
        self._written: dict[Pubkey, bytes] = {}  # by the stand-ins
        self._lent: dict[Pubkey, int] = {}  # what the payer may take from each vault

    def run(self) -> Run:
        for instruction in self._transaction.message.instructions:
            program = self._keys.all[instruction.program_id_index]
            standin = self._runtime.standins.get(program)
            if standin is None:
                self._parts.append(_Part(program, (instruction,), None))
                continue
            before = self._run_so_far()
            if before.error is not None:
                return self._as_sent(before)
            units = self._budget.units - before.units - self._charged
            try:
                if units < STANDIN_UNITS:
                    raise _OUT_OF_UNITS
                self._parts.append(self._carry_out(standin, program, instruction, before, units))
            except _Failed as failure:
                return self._ended(self._as_sent(before), program, failure, units)
            self._charged += STANDIN_UNITS
        run = self._run({})
        if run.error is None:
            run = run._replace(accounts=self._settled(run.accounts))
        return self._as_sent(run)

    def _carry_out(
        self, standin: Standin, program: Pubkey, instruction: CompiledInstruction, before: Run, units: int
    ) -> _Part:
        """Asks the stand-in what it does. Its writes count from here on. Raises `_Failed`."""

        def read(address: Pubkey) -> Account | None:
            account = before.accounts.get(address) or self._runtime.get(address)
            if account is None or not account.lamports:
                return None
            return _with_data(account, self._written.get(address, account.data))

        keys = self._keys.of(instruction)
        try:
            outcome = standin(keys, instruction.data, read, self._runtime.clock)
            self._check(outcome)
            runs = [
                self._transfer(transfer, self._signer(transfer, read), keys, read) for transfer in outcome.transfers
            ]
            seen = [self._transfer(transfer, transfer.authority, keys, read) for transfer in outcome.transfers]
        except _Failed:
            raise
        except ProgramError as error:
            raise _Failed({"Custom": error.code}, f"custom program error: {error.code:#x}", error.logs) from None
        except InstructionFailed as error:
            raise _Failed(error.kind, error.reason, error.logs) from None
        except Exception:
            _logger.exception("the stand-in for %s failed", program)
            raise _Failed("ProgramFailedToComplete", "Program failed to complete") from None
        self._written.update(outcome.writes)
        return _Part(program, runs, _Call(outcome.logs, seen, units))

    def _check(self, outcome: Outcome) -> None:
        for address in outcome.writes:
            if not self._keys.is_writable(self._at[address]):
                reason = "instruction modified data of a read-only account"
                raise _Failed("ReadonlyDataModified", reason, outcome.logs)
        for transfer in outcome.transfers:
            if transfer.authority.is_on_curve() and not self._keys.is_signer(self._at[transfer.authority]):
                lines = (*outcome.logs, f"{transfer.authority}'s signer privilege escalated")
                reason = "Cross-program invocation with unauthorized signer or writable account"
                raise _Failed("PrivilegeEscalation", reason, lines)

    def _signer(self, transfer: Transfer, read: Reader) -> Pubkey:
        """The authority, or the payer in place of an owner for whom only the program can sign."""
        source = token_account(read(transfer.source))
        if self._keys.is_signer(self._at[transfer.authority]) or not source or source.owner != transfer.authority:
            return transfer.authority
        self._lent[transfer.source] = self._lent.get(transfer.source, 0) + transfer.amount
        return self._keys.all[0]

    def _transfer(
        self, transfer: Transfer, authority: Pubkey, keys: Sequence[Pubkey], read: Reader
    ) -> CompiledInstruction:
        """`TransferChecked` where the program was given the mint, `Transfer` where it was not."""
        account = read(transfer.source)
        source = token_account(account)
        program = account.owner if account and source else TOKEN
        if program not in self._at:
            raise _Failed("MissingAccount", "An account required by the instruction is missing")
        amount = transfer.amount.to_bytes(8, "little")
        if source and source.mint in keys and (mint := read(source.mint)):
            accounts = [transfer.source, source.mint, transfer.destination, authority]
            data = b"\x0c" + amount + mint.data[DECIMALS]
        else:
            accounts = [transfer.source, transfer.destination, authority]
            data = b"\x03" + amount
        return CompiledInstruction(self._at[program], data, bytes(self._at[account] for account in accounts))

    def _run_so_far(self) -> Run:
        """The state between two instructions, where an account may lack the rent that it has in the end."""
        gifts: dict[Pubkey, int] = {}
        while True:
            run = self._run(gifts)
            match run.error:
                case {"InsufficientFundsForRent": {"account_index": index}} if self._keys.all[index] not in gifts:
                    gifts[self._keys.all[index]] = _RENT
                case _:
                    return run

    def _run(self, gifts: dict[Pubkey, int]) -> Run:
        """Runs the instructions so far, with some lamports more for some accounts."""
        instructions = [instruction for part in self._parts for instruction in part.runs]
        units = self._budget.units - self._charged
        if self._is_limit_added:
            # The priority fee is for the default limit, which counts instructions.
            limit = set_compute_unit_limit(self._budget.units)
            instructions.append(CompiledInstruction(self._at[COMPUTE_BUDGET], limit.data, b""))
            units += _LIMIT_UNITS
        message = self._message.holding(instructions)
        transaction = VersionedTransaction.populate(message, self._transaction.versioned.signatures)
        with self._prepared(gifts):
            return self._message.restored(self._runtime.run(transaction, self._budget._replace(units=units)))

    @property
    def _is_limit_added(self) -> bool:
        return bool(self._budget.micro_lamports_per_unit) and not self._budget.is_explicit

    @contextmanager
    def _prepared(self, gifts: dict[Pubkey, int]) -> Iterator[None]:
        """Makes the payer a delegate of the vaults, for what stand-ins pay out of them."""
        kept = {address: self._runtime.get(address) for address in (*self._lent, *gifts)}
        payer = bytes(self._keys.all[0])
        try:
            for address, account in kept.items():
                if account is None:
                    continue
                data = bytearray(account.data)
                if address in self._lent:
                    # One more than is paid: a delegate who has taken everything is none, also for a payment of nothing.
                    data[DELEGATE] = b"\1\0\0\0" + payer
                    data[DELEGATED_AMOUNT] = (self._lent[address] + 1).to_bytes(8, "little")
                lamports = account.lamports + gifts.get(address, 0)
                self._runtime.put(address, Account(lamports, bytes(data), account.owner))
            yield
        finally:
            for address, account in kept.items():
                self._runtime.put(address, account)

    def _settled(self, accounts: dict[Pubkey, Account]) -> dict[Pubkey, Account]:
        """The accounts after the transaction: with what stand-ins wrote, and without the delegates."""
        settled = dict(accounts)
        for address, data in self._written.items():
            settled[address] = _with_data(settled[address], data)
        for address in self._lent:
            before = self._runtime.get(address)
            if before and address in settled:
                restored = bytearray(settled[address].data)
                restored[DELEGATE], restored[DELEGATED_AMOUNT] = before.data[DELEGATE], before.data[DELEGATED_AMOUNT]
                settled[address] = _with_data(settled[address], bytes(restored))
        return settled

    def _as_sent(self, run: Run) -> Run:
        """The run as one of the transaction that was sent."""
        if not run.inner:
            return run  # nothing was carried out
        error, units = run.error, run.units + self._charged
        failed_at = error["InstructionError"][0] if isinstance(error, dict) and "InstructionError" in error else None
        if self._is_limit_added and failed_at is None:
            units -= _LIMIT_UNITS
        sections, charge, position = deque(logs.sections(run.logs)), self._charged, 0
        lines: list[str] = []
        inner: list[list[Inner]] = []
        for index, part in enumerate(self._parts):
            charge -= STANDIN_UNITS if part.call else 0
            inner.append([])
            own = []
            for number, instruction in enumerate(part.runs):
                # Precompiled programs have no lines.
                if sections and sections[0].program == self._keys.all[instruction.program_id_index]:
                    own.append(sections.popleft())
                inner[-1] += _called(part.call, number, run.inner[position])
                position += 1
                if position - 1 == failed_at:
                    break
            lines += _lines(part, own, charge)
            if failed_at is not None and position > failed_at:
                error = {"InstructionError": [index, error["InstructionError"][1]]}
                break
        return run._replace(error=error, logs=lines, inner=inner, units=units)

    def _ended(self, run: Run, program: Pubkey, failure: _Failed, units: int) -> Run:
        """The run so far, and a stand-in's instruction that fails with `units` left to it."""
        spent = min(units, STANDIN_UNITS)
        lines = (
            logs.invoked(program, 1),
            *failure.lines,
            logs.consumed(program, spent, units),
            logs.failed(program, failure.reason),
        )
        return run._replace(
            error={"InstructionError": [len(self._parts), failure.kind]},
            logs=[*run.logs, *lines],
            units=run.units + spent,
            accounts={},
        )


def _called(call: _Call | None, number: int, inner: Sequence[Inner]) -> Iterator[Inner]:
    """The instructions that an instruction has called, where a stand-in's transfers are calls too."""
    if call:
        yield Inner(call.transfers[number], 2)
    for below in inner:
        yield Inner(below.instruction, below.height + (1 if call else 0))


def _lines(part: _Part, sections: Sequence[logs.Section], charge: int) -> list[str]:
    """The lines of an instruction, where `charge` compute units are kept back for later stand-ins."""
    depth = 1 if part.call else 0
    moved = [line for section in sections for line in section.moved(charge, depth)]
    if part.call is None:
        return moved
    program = part.program
    spent = STANDIN_UNITS + sum(section.consumed for section in sections)
    reason = sections[-1].failure if sections else None
    return [
        logs.invoked(program, 1),
        *part.call.lines,
        *moved,
        logs.consumed(program, spent, part.call.units),
        logs.failed(program, reason) if reason else logs.succeeded(program),
    ]


def _with_data(account: Account, data: bytes) -> Account:
    return Account(account.lamports, data, account.owner, account.executable, account.rent_epoch)
