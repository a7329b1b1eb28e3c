"""What the programs written with Anchor have in common: instructions by discriminator, account checks, errors."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN_PROGRAMS
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Clock, Outcome, ProgramError, Reader, Standin, invalid_account_data
from localnet.programs.tokens import TokenAccount, token_account


class AnchorError(NamedTuple):
    """An error of Anchor or of a program: its number, name and message."""

    code: int
    name: str
    message: str

    def thrown_in(self, place: str) -> ProgramError:
        """As `err!` and `require!` log it; `place` is the source's file and line."""
        return self._raised(f"AnchorError thrown in {place}.")

    def caused_by(self, account: str) -> ProgramError:
        """As the checks of an instruction's accounts log it."""
        return self._raised(f"AnchorError caused by account: {account}.")

    def occurred(self) -> ProgramError:
        return self._raised("AnchorError occurred.")

    def _raised(self, how: str) -> ProgramError:
        line = f"Program log: {how} Error Code: {self.name}. Error Number: {self.code}. Error Message: {self.message}."
        return ProgramError(self.code, self.name, (line,))


FALLBACK_NOT_FOUND = AnchorError(101, "InstructionFallbackNotFound", "Fallback functions are not supported")
DID_NOT_DESERIALIZE = AnchorError(
    102, "InstructionDidNotDeserialize", "The program could not deserialize the given instruction"
)
HAS_ONE = AnchorError(2001, "ConstraintHasOne", "A has one constraint was violated")
RAW = AnchorError(2003, "ConstraintRaw", "A raw constraint was violated")
SEEDS = AnchorError(2006, "ConstraintSeeds", "A seeds constraint was violated")
ADDRESS = AnchorError(2012, "ConstraintAddress", "An address constraint was violated")
TOKEN_PROGRAM = AnchorError(
    2021, "ConstraintTokenTokenProgram", "A token account token program constraint was violated"
)
TOKEN_MINT = AnchorError(2014, "ConstraintTokenMint", "A token mint constraint was violated")
REQUIRE_EQ = AnchorError(2501, "RequireEqViolated", "A require_eq expression was violated")
REQUIRE_KEYS_EQ = AnchorError(2502, "RequireKeysEqViolated", "A require_keys_eq expression was violated")
REQUIRE_GT = AnchorError(2505, "RequireGtViolated", "A require_gt expression was violated")
DISCRIMINATOR_MISMATCH = AnchorError(
    3002, "AccountDiscriminatorMismatch", "8 byte discriminator did not match what was expected"
)
NOT_ENOUGH_KEYS = AnchorError(3005, "AccountNotEnoughKeys", "Not enough account keys given to the instruction")
WRONG_OWNER = AnchorError(
    3007, "AccountOwnedByWrongProgram", "The given account is owned by a different program than expected"
)
INVALID_PROGRAM_ID = AnchorError(3008, "InvalidProgramId", "Program ID was not as expected")
NOT_INITIALIZED = AnchorError(
    3012, "AccountNotInitialized", "The program expected this account to be already initialized"
)


@dataclass(frozen=True, slots=True)
class Call:
    """One instruction: its accounts by name, those beyond, its arguments, the accounts' state and the clock."""

    program: Pubkey
    accounts: Mapping[str, Pubkey]
    remaining: Sequence[Pubkey]
    arguments: tuple[int, ...]
    read: Reader
    clock: Clock

    def __getitem__(self, name: str) -> Pubkey:
        return self.accounts[name]

    def record(self, name: str, layout: Layout, *, copied: bool = False) -> Record:
        """The account of the program with this name. Raises `ProgramError`.

        Anchor calls one that is not there uninitialized, unless it loads it without a copy.
        """
        if copied and self.read(self.accounts[name]) is None:
            raise NOT_INITIALIZED.caused_by(name)
        return load(self.read, self.program, self.accounts[name], layout, name)

    def token_account(self, name: str) -> TokenAccount:
        """The token account with this name. Raises `ProgramError`, `InstructionFailed`."""
        found = token_account(self._of_token_program(name))
        if found is None:
            raise invalid_account_data()
        return found

    def mint(self, name: str) -> Pubkey:
        """The address of the mint with this name. Raises `ProgramError`, `InstructionFailed`."""
        if token_account(self._of_token_program(name)):
            raise invalid_account_data()
        return self.accounts[name]

    def _of_token_program(self, name: str) -> Account:
        account = self.read(self.accounts[name])
        if account is None:
            raise NOT_INITIALIZED.caused_by(name)
        if account.owner not in TOKEN_PROGRAMS:
            raise WRONG_OWNER.caused_by(name)
        return account

    def check_program(self, name: str, *expected: Pubkey) -> None:
        """Raises `ProgramError` unless the account with this name is one of these programs."""
        if self.accounts[name] not in expected:
            raise INVALID_PROGRAM_ID.caused_by(name)


def load(read: Reader, program: Pubkey, key: Pubkey, layout: Layout, name: str) -> Record:
    """An account of the program. Raises `ProgramError`, which names the account, unless it is of this type."""
    account = read(key)
    if account is None or account.owner != program:
        raise WRONG_OWNER.caused_by(name)
    if not account.data.startswith(layout.discriminator) or len(account.data) < layout.size:
        raise DISCRIMINATOR_MISMATCH.caused_by(name)
    return Record.of(layout, account.data)


class Entry(NamedTuple):
    """An instruction: its name in the log, the names of its accounts, its arguments as `struct` has them."""

    log: str
    accounts: tuple[str, ...]
    arguments: str
    run: Callable[[Call], Outcome]


def anchor_program(program: Pubkey, entries: Mapping[str, Entry]) -> Standin:
    """The stand-in with these instructions, each under its discriminator in hex."""
    by_discriminator = {bytes.fromhex(discriminator): entry for discriminator, entry in entries.items()}

    def run(accounts: Sequence[Pubkey], data: bytes, read: Reader, clock: Clock) -> Outcome:
        entry = by_discriminator.get(data[:8])
        if entry is None:
            raise FALLBACK_NOT_FOUND.occurred()
        logs = (f"Program log: Instruction: {entry.log}",)
        try:
            if len(data) < 8 + struct.calcsize(entry.arguments):
                raise DID_NOT_DESERIALIZE.occurred()
            if len(accounts) < len(entry.accounts):
                raise NOT_ENOUGH_KEYS.caused_by(entry.accounts[len(accounts)])
            named = dict(zip(entry.accounts, accounts, strict=False))
            arguments = struct.unpack_from(entry.arguments, data, 8)
            outcome = entry.run(Call(program, named, accounts[len(named) :], arguments, read, clock))
        except ProgramError as error:
            raise ProgramError(error.code, error.name, logs + error.logs) from None
        return outcome._replace(logs=logs + outcome.logs)

    return run
