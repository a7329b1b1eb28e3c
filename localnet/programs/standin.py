"""What a stand-in for a DEX's program is given, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from solders.account import Account
from solders.pubkey import Pubkey


class Clock(NamedTuple):
    """The chain's time as programs see it: slot, epoch, and Unix seconds."""

    slot: int
    epoch: int
    unix_timestamp: int


class Transfer(NamedTuple):
    """Tokens that move from one token account to another, in base units.

    `authority` signs for `source`: the trader, who signs the transaction, or a derived address of the program.
    """

    source: Pubkey
    destination: Pubkey
    amount: int
    authority: Pubkey


class Outcome(NamedTuple):
    """What an instruction does: transfers in order, the new data of accounts of the program, and log lines.

    The log lines are those between the runtime's `invoke` and `success`, without the lines of the transfers.
    """

    transfers: tuple[Transfer, ...]
    writes: Mapping[Pubkey, bytes]
    logs: tuple[str, ...]


class ProgramError(Exception):
    """The program refuses the instruction: `InstructionError::Custom(code)`.

    `name` is the error's name in the log, where the program logs one; `logs` are the program's own lines.
    """

    def __init__(self, code: int, name: str | None, logs: tuple[str, ...]) -> None:
        super().__init__(f"{name or 'error'} ({code})")
        self.code = code
        self.name = name
        self.logs = logs


class InstructionFailed(Exception):
    """The runtime ends the instruction: `InstructionError::<kind>`, such as `InvalidInstructionData`.

    `reason` is what the runtime's last line says after `Program … failed: `; `logs` are the program's own lines.
    """

    def __init__(self, kind: str, reason: str, logs: tuple[str, ...]) -> None:
        super().__init__(f"{kind}: {reason}")
        self.kind = kind
        self.reason = reason
        self.logs = logs


Refusal: TypeAlias = ProgramError | InstructionFailed


def invalid_account_data() -> InstructionFailed:
    return InstructionFailed("InvalidAccountData", "invalid account data for instruction", ())


def borrowed() -> InstructionFailed:
    """A program borrows an account twice."""
    reason = "instruction tries to borrow reference for an account which is already borrowed"
    return InstructionFailed("AccountBorrowFailed", reason, ())


def panicked() -> InstructionFailed:
    """A program panics where its source unwraps what is not there."""
    return InstructionFailed("ProgramFailedToComplete", "SBF program panicked", ())


Reader: TypeAlias = Callable[[Pubkey], Account | None]
"""The accounts as they stand at the instruction; `None` where there is none."""

Standin: TypeAlias = Callable[[Sequence[Pubkey], bytes, Reader, Clock], Outcome]
"""Carries out one instruction: its accounts in order, its data, the accounts, the clock.

Raises `ProgramError`, `InstructionFailed`.
"""
