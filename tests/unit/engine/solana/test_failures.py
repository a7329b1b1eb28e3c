from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from order_engine.domain.errors import (
    ChainRefused,
    EngineError,
    InsufficientFunds,
    QuoteExpired,
    SlippageExceeded,
    VenueUnavailable,
)
from order_engine.solana.addresses import COMPUTE_BUDGET, SYSTEM, TOKEN, Address, address, encode
from order_engine.solana.failures import failure
from tests.support.deployments import MAINNET, program
from tests.unit.engine.solana.transaction_vectors import DOCUMENTS, Row

REACTIONS: dict[str, type[EngineError]] = {
    "ExceededSlippage": SlippageExceeded,
    "ExceededAmountSlippageTolerance": SlippageExceeded,
    "TooLittleOutputReceived": SlippageExceeded,
    "exceeds desired slippage limit": SlippageExceeded,
    "NotApproved": QuoteExpired,
    "InvalidStatus": QuoteExpired,
    "PoolDisabled": QuoteExpired,
    "PriceRangeViolation": QuoteExpired,
    "ComputationalBudgetExceeded": QuoteExpired,
    "ProgramFailedToComplete": QuoteExpired,
    "AccountNotFound": InsufficientFunds,
    "insufficient funds": InsufficientFunds,
    "insufficient lamports": InsufficientFunds,
    "ConstraintAddress": ChainRefused,
    "AccountDiscriminatorMismatch": ChainRefused,
    "AccountNotInitialized": ChainRefused,
    "InvalidProgramAddress": ChainRefused,
    "InvalidInstructionData": ChainRefused,
    "User token input does not match amm": ChainRefused,
}
"""The reactions that are beyond doubt, by what the recordings say."""

CP_SWAP, AMM_V4 = program("raydium_cp").id, program("raydium_amm_v4").id

ROWS = [
    (error, row["id"], name)
    for name, document in DOCUMENTS.items()
    for row in [*document.get("swaps", []), *document.get("transactions", [])]
    if (error := (row.get("result") or {}).get("error"))
]


def failed(error: Any, logs: Sequence[str], called: Sequence[Address]) -> EngineError:
    return failure(error, logs, called, MAINNET.programs)


def reported(error: Row) -> tuple[Any, list[str]]:
    """A recorded error as a node reports it, and the end of the log."""
    if "instruction_index" not in error:
        return error["kind"], []
    reason = {"Custom": error["code"]} if error["kind"] == "custom" else error["kind"]
    failed, outermost = error["program"], error["last_log"].split()[1]
    log = [f"Program {outermost} invoke [1]", "Program log: Instruction: Swap"]
    if failed != outermost:
        log.append(f"Program {failed} invoke [2]")
    if "error_log" in error and error["error_log"] != error["last_log"]:
        log.append(error["error_log"])
    if failed != outermost:
        log.append(f"Program {failed} failed: as the last line says")
    return {"InstructionError": [error["instruction_index"], reason]}, [*log, error["last_log"]]


@pytest.mark.parametrize("error", [row[0] for row in ROWS], ids=[f"{name}-{id}" for _, id, name in ROWS])
def test_a_recorded_error_has_the_reaction_that_its_program_and_name_ask_for(error: Row) -> None:
    if address(error.get("program", encode(SYSTEM))) not in {*MAINNET.programs, SYSTEM, TOKEN}:
        pytest.skip("the engine does not trade in this program's pools")
    found = failed(*reported(error), [SYSTEM] * 20)
    said = [error.get("name", ""), error["kind"], error.get("error_log", "")]
    for name, reaction in REACTIONS.items():
        if any(name in text for text in said):
            assert type(found) is reaction, found
    if "name" in error:
        assert error["name"] in str(found)


def in_cp_swap(*log: str) -> list[str]:
    cp_swap = encode(CP_SWAP)
    return [f"Program {cp_swap} invoke [1]", *log, f"Program {cp_swap} failed: custom program error: 0x1"]


def custom(code: int, index: int = 0) -> dict[str, Any]:
    return {"InstructionError": [index, {"Custom": code}]}


def test_the_name_counts_where_a_newer_version_of_the_program_has_another_code() -> None:
    log = in_cp_swap(
        "Program log: AnchorError occurred. Error Code: ExceededSlippage. Error Number: 6099. Error Message: Little."
    )
    found = failed(custom(6099), log, [CP_SWAP])
    assert type(found) is SlippageExceeded
    assert str(found) == "Raydium CP-Swap refused the transaction: ExceededSlippage (Little)"


def test_a_code_alone_is_read_by_the_program_of_its_instruction() -> None:
    called = [COMPUTE_BUDGET, AMM_V4, CP_SWAP]
    assert type(failed(custom(30, index=1), [], called)) is SlippageExceeded
    assert type(failed(custom(30, index=2), [], called)) is ChainRefused
    assert type(failed(custom(6005, index=2), [], called)) is SlippageExceeded


def test_code_1_means_too_little_money_only_in_programs_that_move_it() -> None:
    token = encode(TOKEN)
    inner = [f"Program {token} invoke [2]", "Program log: Error: insufficient funds", f"Program {token} failed: custom"]
    assert type(failed(custom(1), in_cp_swap(*inner), [CP_SWAP])) is InsufficientFunds
    assert type(failed(custom(1), in_cp_swap(), [CP_SWAP])) is ChainRefused
    assert type(failed(custom(1), [], [AMM_V4])) is ChainRefused


def test_what_another_program_has_logged_before_does_not_count() -> None:
    memo = (
        "Program log: Error Code: ExceededSlippage. Error Number: 6005. Error Message: Exceeds desired slippage limit."
    )
    token = encode(TOKEN)
    log = in_cp_swap(f"Program {token} invoke [2]", memo, f"Program {token} success", "Program log: Error: unlucky")
    found = failed(custom(7), log, [CP_SWAP])
    assert type(found) is ChainRefused
    assert str(found) == "Raydium CP-Swap refused the transaction: error 7 (unlucky)"


@pytest.mark.parametrize(
    ("error", "reaction", "said"),
    [
        ("InsufficientFundsForFee", InsufficientFunds, "InsufficientFundsForFee"),
        ({"InsufficientFundsForRent": {"account_index": 0}}, InsufficientFunds, "InsufficientFundsForRent"),
        ("BlockhashNotFound", VenueUnavailable, "a node that knows the transaction's blockhash"),
        ("AccountInUse", ChainRefused, "AccountInUse"),
        ({"InstructionError": [9, {"Custom": 1}]}, ChainRefused, "InstructionError"),
        ({"InstructionError": "nonsense"}, ChainRefused, "InstructionError"),
        ({"InstructionError": [0, {"BorshIoError": "x"}]}, ChainRefused, "BorshIoError"),
        ({"InstructionError": [0, {"Custom": "x"}]}, ChainRefused, "Custom"),
        ({}, ChainRefused, "{}"),
        (17, ChainRefused, "17"),
    ],
)
def test_an_error_of_no_program_is_named_too(error: Any, reaction: type[EngineError], said: str) -> None:
    found = failed(error, ["Program 1 success", "nonsense"], [TOKEN])
    assert type(found) is reaction
    assert said in str(found)
