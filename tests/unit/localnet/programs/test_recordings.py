"""The stand-ins do what the programs did: the same amounts, the same bytes, the same errors."""

from __future__ import annotations

import pytest
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.programs import STANDINS, raydium_amm_v4
from localnet.programs.records import Record
from localnet.programs.standin import InstructionFailed, ProgramError
from localnet.programs.tokens import TOKEN_ACCOUNT
from tests.unit.localnet.programs.recordings import Recording, pools, recordings


@pytest.mark.parametrize(("file", "pool"), pools())
def test_a_stand_in_does_what_the_program_did(file: str, pool: str) -> None:
    differences = {
        f"{recording.id} {recording.note}": (did, recorded)
        for recording in recordings(file, pool)
        if (did := carried_out(recording)) != (recorded := expected(recording)) and not known(recording)
    }
    assert not differences


@pytest.mark.parametrize(("file", "pool"), pools())
def test_what_differs_knowingly_does_differ(file: str, pool: str) -> None:
    for recording in recordings(file, pool):
        if known(recording):
            assert carried_out(recording) != expected(recording), recording.id


def known(recording: Recording) -> bool:
    """Whether a stand-in differs from the program here: its reasons, each with its rows."""
    # A stand-in uses no compute units.
    too_few_units = recording.note == "compute unit limit too low"
    # The chain refuses the transaction before any program runs.
    no_payer = recording.result.get("error", {}).get("kind") == "AccountNotFound"
    # A stand-in fails where it lacks the fees of a pool that is marked as beyond the quote maths.
    no_such_fees = recording.beyond_maths and carried_out(recording) == (
        "ProgramFailedToComplete",
        "the stand-in has no such fees",
    )
    return too_few_units or no_payer or no_such_fees or without_fee(recording)


def without_fee(recording: Recording) -> bool:
    """Whether AMM v4 took no fee, where newer source and `order_engine.dex` take one unit."""
    if recording.program != raydium_amm_v4.ID or not recording.result["ok"]:
        return False
    pool = Record.of(raydium_amm_v4.POOL, recording.before[recording.accounts[1]].data)
    amount_in: int = recording.result["amount_in"]
    return amount_in * pool["swap_fee_numerator"] * 2 < pool["swap_fee_denominator"]


def carried_out(recording: Recording) -> object:
    """The new data of the accounts that the stand-in changes, or its error, or the Token program's."""
    try:
        outcome = STANDINS[recording.program](recording.accounts, recording.data, recording.before.get, recording.clock)
    except ProgramError as error:
        return recording.program, error.code, error.name, error.logs[-1]
    except InstructionFailed as error:
        return error.kind, error.reason
    after = dict(outcome.writes)
    for source, destination, amount, _ in outcome.transfers:
        for key, change in ((source, -amount), (destination, amount)):
            account = Record.of(TOKEN_ACCOUNT, after.get(key, recording.before[key].data))
            if account["amount"] + change < 0:
                return TOKEN, 1, None, "Program log: Error: insufficient funds"
            account["amount"] += change
            after[key] = account.data()
    return {key: data for key, data in after.items() if data != recording.before[key].data}


def expected(recording: Recording) -> object:
    """The recorded changes, or the recorded error."""
    if recording.result["ok"]:
        return recording.changed
    error = recording.result["error"]
    if error["kind"] == "custom":
        return Pubkey.from_string(error["program"]), error["code"], error.get("name"), error["error_log"]
    return error["kind"], error.get("last_log", "").partition(" failed: ")[2]
