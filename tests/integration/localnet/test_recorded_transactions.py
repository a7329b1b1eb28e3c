"""Whole transactions with a swap: what they did with the programs, they do with the stand-ins.

Token accounts are created, SOL is wrapped, swapped, and unwrapped. tests/vectors/solana/README.md has the format.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.execution import execute
from localnet.programs import STANDINS
from localnet.runtime import Runtime
from localnet.tokens import token_account
from localnet.transactions import decode
from tests.support.localnet import signed

FOLDER = Path(__file__).parents[2] / "vectors" / "solana"


def documents() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each pool of a file that has such transactions."""
    for path in sorted(FOLDER.glob("*.json")):
        document = json.loads(path.read_text())
        rows = [row for row in document.get("swaps", ()) if row.get("kind") == "complete"]
        for pool in document.get("pools", ()):
            if any(row["pool"] == pool["name"] for row in rows):
                yield f"{path.stem}/{pool['name']}", pool, document


@pytest.mark.parametrize(("pool", "document"), [pytest.param(*rest, id=name) for name, *rest in documents()])
def test_a_transaction_does_with_stand_ins_what_it_did_with_programs(
    pool: dict[str, Any], document: dict[str, Any]
) -> None:
    runtime = Runtime(STANDINS)
    put(runtime, pool["accounts"])
    rows = [row for row in document["swaps"] if row["pool"] == pool["name"]]
    for row in rows:
        put(runtime, row.get("wallet_setup", ()))
        if row.get("kind") == "complete":
            runtime.set_clock(row["clock"]["slot"], row["clock"]["unix_timestamp"])
            assert carried_out(runtime, row) == expected(row), row["id"]
        for address, change in row["result"].get("changed", {}).items():
            patch(runtime, Pubkey.from_string(address), change["patch"])


def carried_out(runtime: Runtime, row: dict[str, Any]) -> dict[str, Any]:
    """Runs a row's transaction, and keeps what it does."""
    payer = Keypair.from_base58_string(row["secret_key"])
    instructions = [instruction(each) for each in row["transaction"]["instructions"]]
    execution = execute(runtime, decode(bytes(signed(payer, instructions, Hash.default()))))
    for address, account in execution.writes.items():
        runtime.put(address, account)
    wallet = runtime.get(payer.pubkey())
    return {
        "error": execution.error,
        "last_log": execution.logs[-1] if execution.error else None,
        "fee": execution.fee,
        "lamports": wallet and wallet.lamports,
        "tokens": {side: amount(runtime, address) for side, address in row["token_accounts"].items()},
    }


def expected(row: dict[str, Any]) -> dict[str, Any]:
    result = row["result"]
    error = result.get("error")
    tokens = result["tokens_before"] if error else result["tokens_after"]
    return {
        "error": error and {"InstructionError": [error["instruction_index"], {"Custom": error["code"]}]},
        "last_log": error and error["last_log"],
        "fee": result["fee_lamports"],
        "lamports": result["lamports_after"],
        "tokens": {side: tokens[side] for side in row["token_accounts"]},
    }


def amount(runtime: Runtime, address: str) -> int | None:
    found = token_account(runtime.get(Pubkey.from_string(address)))
    return found.amount if found else None


def instruction(recorded: dict[str, Any]) -> Instruction:
    accounts = [
        AccountMeta(Pubkey.from_string(account["pubkey"]), account["signer"], account["writable"])
        for account in recorded["accounts"]
    ]
    return Instruction(Pubkey.from_string(recorded["program_id"]), b64decode(recorded["data"]), accounts)


def put(runtime: Runtime, accounts: list[dict[str, Any]]) -> None:
    for each in accounts:
        owner = Pubkey.from_string(each["owner"])
        runtime.put(Pubkey.from_string(each["address"]), Account(each["lamports"], b64decode(each["data"]), owner))


def patch(runtime: Runtime, address: Pubkey, changes: list[tuple[int, str]]) -> None:
    account = runtime.get(address)
    assert account is not None
    data = bytearray(account.data)
    for offset, new in changes:
        data[offset : offset + len(new) // 2] = bytes.fromhex(new)
    runtime.put(address, Account(account.lamports, bytes(data), account.owner))
