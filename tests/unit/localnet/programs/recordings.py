"""Reads what the five programs did, in tests/vectors/solana: each swap with the accounts before and after it."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from solders.account import Account
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.programs.records import Record
from localnet.programs.standin import Clock
from localnet.programs.tokens import TOKEN_ACCOUNT

FOLDER = Path(__file__).parents[3] / "vectors" / "solana"


@dataclass(frozen=True)
class Recording:
    """A recorded swap: the instruction, the accounts before it, the new data of those it changed, and its result."""

    id: str
    note: str
    program: Pubkey
    accounts: list[Pubkey]
    data: bytes
    clock: Clock
    before: Mapping[Pubkey, Account]
    changed: Mapping[Pubkey, bytes]
    result: dict[str, Any]
    beyond_maths: bool


def pools() -> list[tuple[str, str]]:
    """The file and the name of each recorded pool."""
    return [
        (path.stem, pool["name"]) for path in sorted(FOLDER.glob("*.json")) for pool in _read(path).get("pools", ())
    ]


def recordings(file: str, name: str) -> Iterator[Recording]:
    """The swaps of a pool in order."""
    document = _read(FOLDER / f"{file}.json")
    pool = next(pool for pool in document["pools"] if pool["name"] == name)
    accounts = {Pubkey.from_string(each["address"]): _account(each) for each in pool["accounts"]}
    wallet = {Pubkey.from_string(each["address"]): _account(each) for each in pool["wallet_accounts"]}
    for row in (row for row in document["swaps"] if row["pool"] == name):
        patches = {Pubkey.from_string(key): each["patch"] for key, each in row["result"].get("changed", {}).items()}
        changed = {key: _patched(accounts[key].data, patch) for key, patch in patches.items()}
        traders = _token_accounts(row)
        instruction, clock = row["instruction"], row["clock"]
        yield Recording(
            row["id"],
            row.get("note", ""),
            Pubkey.from_string(instruction["program_id"]),
            [Pubkey.from_string(account["pubkey"]) for account in instruction["accounts"]],
            b64decode(instruction["data"]),
            Clock(clock["slot"], clock["epoch"], clock["unix_timestamp"]),
            wallet | accounts | traders,
            changed | _paid(row, traders),
            row["result"],
            pool.get("beyond_product_maths", False),
        )
        for key, data in changed.items():
            accounts[key] = Account(accounts[key].lamports, data, accounts[key].owner)


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_bytes())
    return document


def _account(account: dict[str, Any]) -> Account:
    return Account(account["lamports"], b64decode(account["data"]), Pubkey.from_string(account["owner"]))


def _patched(data: bytes, patches: list[tuple[int, str]]) -> bytes:
    patched = bytearray(data)
    for offset, patch in patches:
        patched[offset : offset + len(patch) // 2] = bytes.fromhex(patch)
    return bytes(patched)


def _token_accounts(row: dict[str, Any]) -> dict[Pubkey, Account]:
    """The trader's token accounts at the swap. A whole transaction has created those that were missing before it."""
    found = {Pubkey.from_string(each["address"]): _account(each) for each in row.get("wallet_setup", ())}
    whole = row.get("kind") == "complete"
    for side, missing in (("input", row["amount_in"]), ("output", 0)):
        amount = row["result"].get("tokens_before", {}).get(side)
        if amount is None and not whole:
            continue
        record = Record.new(
            TOKEN_ACCOUNT,
            mint=Pubkey.from_string(row["mint_in" if side == "input" else "mint_out"]),
            amount=missing if amount is None else amount,
            state=1,
        )
        found[Pubkey.from_string(row["token_accounts"][side])] = Account(2_039_280, record.data(), TOKEN)
    return found


def _paid(row: dict[str, Any], accounts: Mapping[Pubkey, Account]) -> dict[Pubkey, bytes]:
    """The new data of the trader's token accounts, where the swap moves any tokens."""
    found = {}
    for side, name, sign in (("input", "amount_in", -1), ("output", "amount_out", 1)):
        if amount := row["result"].get(name):
            key = Pubkey.from_string(row["token_accounts"][side])
            record = Record.of(TOKEN_ACCOUNT, accounts[key].data)
            record["amount"] += sign * amount
            found[key] = record.data()
    return found
