"""Runs one transaction, and says what it would write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from solders.account import Account
from solders.pubkey import Pubkey

from localnet import logs
from localnet.runtime import Inner, ReturnData, Run, Runtime
from localnet.standin_run import StandinRun
from localnet.transactions import Keys, Transaction, budget_of, keys_of

_NO_PROGRAM = "InvalidProgramForExecution"
# A block includes a transaction that fails in one of these ways, and it pays its fee: SIMD-0082, SIMD-0083.
_INCLUDED = frozenset(("InstructionError", "InsufficientFundsForRent", _NO_PROGRAM, "ProgramAccountNotFound"))


class Execution(NamedTuple):
    """What a transaction does to the state in which it was run."""

    keys: Keys | None
    """`None` where a lookup table is missing."""
    error: Any
    """As JSON-RPC has it, such as `{"InstructionError": [1, {"Custom": 6005}]}`; `None` for success."""
    logs: tuple[str, ...]
    inner: Mapping[int, list[Inner]]
    """By the index of the instruction that called them."""
    units: int
    fee: int
    """In lamports."""
    writes: Mapping[Pubkey, Account | None]
    """The accounts that change; `None` for one that goes. Only the payer's where the transaction fails."""
    return_data: ReturnData | None
    is_included: bool
    """Whether a block takes the transaction, and its fee with it."""


def execute(runtime: Runtime, transaction: Transaction) -> Execution:
    """Runs a transaction on the present state, and keeps nothing of it."""
    message = transaction.message
    budget = budget_of(message)
    keys = keys_of(message, runtime.get)
    run = runtime.run(transaction.versioned, budget)
    if keys and run.error == _NO_PROGRAM:  # stand-ins are for programs that are not there
        run = StandinRun(runtime, transaction, keys, budget).run()
    return Execution(
        keys,
        run.error,
        logs.truncated(run.logs),
        {index: inner for index, inner in enumerate(run.inner) if inner},
        run.units,
        run.fee,
        _writes(runtime, message.account_keys[0], run),
        run.return_data,
        _is_included(run.error),
    )


def _is_included(error: Any) -> bool:
    kind = next(iter(error)) if isinstance(error, dict) else error
    return error is None or kind in _INCLUDED


def _writes(runtime: Runtime, payer: Pubkey, run: Run) -> dict[Pubkey, Account | None]:
    if run.error is None:
        after = {address: account if account.lamports else None for address, account in run.accounts.items()}
        return {address: account for address, account in after.items() if account != runtime.get(address)}
    account = runtime.get(payer)
    if account is None or not _is_included(run.error):
        return {}
    lamports = account.lamports - run.fee
    return {payer: Account(lamports, account.data, account.owner) if lamports else None}
