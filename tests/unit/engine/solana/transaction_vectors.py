"""Reads the transactions, addresses and encodings in tests/vectors/solana.

Every file there that has transactions is read. The `meta` of a file explains its rows.
"""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from order_engine.solana.addresses import address, decode
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.messages import LookupTable, compile_message

Row = dict[str, Any]

FOLDER = Path(__file__).parents[3] / "vectors/solana"


def _read(path: Path) -> Row:
    found: Row = json.loads(path.read_text())
    return found


DOCUMENTS = {path.stem: _read(path) for path in sorted(FOLDER.glob("*.json"))}
TRANSACTIONS = [row for document in DOCUMENTS.values() for row in document.get("transactions", [])]


def each_row(section: str) -> pytest.MarkDecorator:
    """Parametrizes a test with the rows of a section of every file that has transactions."""
    rows = {
        row.get("id", f"{name}-{number}"): row
        for name, document in DOCUMENTS.items()
        if "transactions" in document
        for number, row in enumerate(document.get(section, []))
    }
    return pytest.mark.parametrize("row", rows.values(), ids=rows.keys())


def instruction(row: Row) -> Instruction:
    accounts = (AccountMeta(address(meta["pubkey"]), meta["signer"], meta["writable"]) for meta in row["accounts"])
    return Instruction(address(row["program_id"]), tuple(accounts), b64decode(row["data"]))


def lookup_tables(row: Row) -> list[LookupTable]:
    tables = row.get("lookup_tables", [])
    return [LookupTable(address(table["address"]), tuple(map(address, table["addresses"]))) for table in tables]


def compiled(row: Row) -> bytes:
    """The message of a row's transaction, as the engine compiles it."""
    instructions = [instruction(each) for each in row["instructions"]]
    return compile_message(address(row["payer"]), instructions, decode(row["blockhash"]), lookup_tables(row))
