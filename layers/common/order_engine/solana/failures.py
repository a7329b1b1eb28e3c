"""What a transaction's error means to the engine."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from order_engine.domain.errors import ChainRefused, EngineError, InsufficientFunds, QuoteExpired, VenueUnavailable
from order_engine.solana.addresses import (
    ASSOCIATED_TOKEN,
    COMPUTE_BUDGET,
    MEMO,
    SYSTEM,
    TOKEN,
    TOKEN_2022,
    Address,
    encode,
)
from order_engine.solana.programs.program import Program

_UNPAYABLE = {"AccountNotFound", "InsufficientFundsForFee", "InsufficientFundsForRent"}
"""Errors of the payer: there is none, or it holds too little."""

_INCOMPLETE = {"ComputationalBudgetExceeded", "ProgramFailedToComplete"}
"""Errors of a program that took too many compute units, or missed an account that lies where the price has moved to."""

_HOLDS_TOO_LITTLE = 1
"""The code with which these programs refuse to move more than an account holds. Other programs use it otherwise."""
_MOVERS = {encode(SYSTEM): "System", encode(TOKEN): "Token", encode(TOKEN_2022): "Token-2022"}

_NAMES = {
    **_MOVERS,
    encode(ASSOCIATED_TOKEN): "Associated Token",
    encode(COMPUTE_BUDGET): "Compute Budget",
    encode(MEMO): "Memo",
}

_INVOKED = re.compile(r"Program (\w+) invoke \[\d+\]")
_RETURNED = re.compile(r"Program (\w+) success")
_FAILED = re.compile(r"Program (\w+) failed: ")
_ANCHOR_ERROR = re.compile(r"Error Code: (\w+)\. Error Number: \d+\. Error Message: (.*)")


def failure(
    error: Any, logs: Sequence[str], called: Sequence[Address], programs: Mapping[Address, Program]
) -> EngineError:
    """The engine's error for the error that a node reports of a transaction.

    `called` are the programs that its instructions call, `programs` the DEXs' on the cluster. By the program that
    failed first and its error's name: codes change between versions of a program, and mean something else in each
    program.
    """
    match error:
        case {"InstructionError": [int(index), reason]} if index < len(called):
            id, lines = _refusal(logs) or (encode(called[index]), [])
            known = {encode(address): program for address, program in programs.items()}
            return _of_program(id, known.get(id), reason, lines)
    name = str(next(iter(error), error) if isinstance(error, dict) else error)
    if name == "BlockhashNotFound":
        return VenueUnavailable("expected a node that knows the transaction's blockhash, was one that lags behind")
    if name in _UNPAYABLE:
        return InsufficientFunds(f"the wallet holds too little to pay for the transaction: {name}")
    return ChainRefused(f"the chain refused the transaction: {name:.100}")


def _refusal(logs: Sequence[str]) -> tuple[str, list[str]] | None:
    """The program that failed first, and what it logged; `None` if the log does not say."""
    running: list[tuple[str, list[str]]] = [("", [])]
    for line in logs:
        if failed := _FAILED.match(line):
            name, lines = running[-1]
            return failed[1], lines if name == failed[1] else []
        if invoked := _INVOKED.match(line):
            running.append((invoked[1], []))
        elif _RETURNED.match(line) and len(running) > 1:
            running.pop()
        else:
            running[-1][1].append(line.removeprefix("Program log: "))
    return None


def _of_program(id: str, known: Program | None, reason: Any, lines: Sequence[str]) -> EngineError:
    """The error of the program with this id, `known` if it is a DEX's, that has logged these lines.

    `reason` is the runtime's name for the error, or the program's own code.
    """
    code = reason["Custom"] if isinstance(reason, dict) and isinstance(reason.get("Custom"), int) else None
    name, message = "", lines[-1].removeprefix("Error: ") if lines else ""
    if found := [match for match in map(_ANCHOR_ERROR.search, lines) if match]:
        name, message = found[-1].groups()
    elif code is None:
        name = str(reason)
    elif known is not None:
        name = known.codes.get(code, "")
    name = name or f"error {code}"
    text = f"{known.name if known else _NAMES.get(id, id)} refused the transaction: {name}"
    if message not in ("", name):
        text += f" ({message.removesuffix('.')})"
    if id in _MOVERS and code == _HOLDS_TOO_LITTLE:
        return InsufficientFunds(text)
    if name in _INCOMPLETE:
        return QuoteExpired(text)
    return (known.errors.get(name, ChainRefused) if known else ChainRefused)(text)
