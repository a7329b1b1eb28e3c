"""What the chain keeps: blocks, transactions and accounts, in SQLite.

Rows are written as blocks grow, and committed when a block is closed: a process that is killed loses the open block.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

_VERSION = 1
_FILE = "ledger.sqlite"
_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE blocks (slot INTEGER PRIMARY KEY, height INTEGER NOT NULL, blockhash BLOB NOT NULL, time INTEGER NOT NULL);
CREATE TABLE accounts (address BLOB PRIMARY KEY, account BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE transactions (
  signature BLOB PRIMARY KEY, slot INTEGER NOT NULL, position INTEGER NOT NULL, time INTEGER NOT NULL,
  wire BLOB NOT NULL, error TEXT NOT NULL, meta BLOB NOT NULL
);
CREATE INDEX transactions_by_slot ON transactions (slot, position);
CREATE TABLE mentions (
  address BLOB NOT NULL, slot INTEGER NOT NULL, position INTEGER NOT NULL, signature BLOB NOT NULL,
  PRIMARY KEY (address, slot, position)
) WITHOUT ROWID;
CREATE INDEX mentions_by_slot ON mentions (slot);
"""


class LedgerError(Exception):
    """The folder cannot be used. The message says why."""


class Block(NamedTuple):
    """A block: its slot, the number of blocks before it, and the Unix seconds that its programs see."""

    slot: int
    height: int
    blockhash: Hash
    time: int


class Landed(NamedTuple):
    """A transaction in a block. `meta` is what getTransaction answers; `error` is a part of it."""

    signature: Signature
    slot: int
    position: int
    time: int
    wire: bytes
    error: Any
    meta: dict[str, Any]


class Mention(NamedTuple):
    """A transaction that has to do with an address."""

    signature: Signature
    slot: int
    time: int
    error: Any


class Ledger:
    """The ledger in a folder, or in memory."""

    def __init__(self, folder: Path | None) -> None:
        """Raises `LedgerError`."""
        try:
            if folder:
                folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder / _FILE if folder else ":memory:", timeout=0.5)
            # Exclusive: a second process on this folder is refused, and none reads what is not committed.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._database.execute(f"PRAGMA {pragma}").fetchall()
            self._open()
        except (OSError, sqlite3.Error) as error:
            busy = isinstance(error, sqlite3.OperationalError) and "locked" in str(error)
            reason = "another localnet runs on it" if busy else str(error)
            raise LedgerError(f"cannot use {folder}: {reason}") from None

    def _open(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            self._database.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"expected version {_VERSION}, was {version}: remove the folder to start anew")

    def close(self) -> None:
        """Drops what is not committed."""
        self._database.close()

    def commit(self) -> None:
        """Returns when everything written so far is on the disk."""
        self._database.commit()

    def fact(self, name: str) -> bytes | None:
        row = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_fact(self, name: str, value: bytes) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def blocks(self, count: int) -> list[Block]:
        """The newest blocks, oldest first."""
        rows = self._database.execute(
            "SELECT slot, height, blockhash, time FROM blocks ORDER BY slot DESC LIMIT ?", (count,)
        ).fetchall()
        return [Block(slot, height, Hash(blockhash), time) for slot, height, blockhash, time in reversed(rows)]

    def add_block(self, block: Block, forgotten_before: int) -> None:
        """Adds a block, and forgets those before a slot. Their transactions are kept."""
        row = (block.slot, block.height, bytes(block.blockhash), block.time)
        self._database.execute("INSERT INTO blocks VALUES (?, ?, ?, ?)", row)
        self._database.execute("DELETE FROM blocks WHERE slot < ?", (forgotten_before,))

    def drop_blocks(self, after: int) -> int:
        """Forgets the blocks after this slot with their transactions. Returns how many these were."""
        for table in ("blocks", "mentions"):
            self._database.execute(f"DELETE FROM {table} WHERE slot > ?", (after,))
        return self._database.execute("DELETE FROM transactions WHERE slot > ?", (after,)).rowcount

    def forget(self, address: Pubkey, before: int) -> None:
        """Forgets the transactions that name an address and are older than this slot."""
        places = self._database.execute(
            "SELECT slot, position FROM mentions WHERE address = ? AND slot < ?", (bytes(address), before)
        ).fetchall()
        for table in ("transactions", "mentions"):
            self._database.executemany(f"DELETE FROM {table} WHERE slot = ? AND position = ?", places)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        for address, account in self._database.execute("SELECT address, account FROM accounts"):
            yield Pubkey(address), Account.from_bytes(account)

    def put_accounts(self, accounts: Mapping[Pubkey, Account | None]) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO accounts VALUES (?, ?)",
            [(bytes(address), bytes(account)) for address, account in accounts.items() if account],
        )
        self._database.executemany(
            "DELETE FROM accounts WHERE address = ?",
            [(bytes(address),) for address, account in accounts.items() if account is None],
        )

    def add_transaction(self, landed: Landed, addresses: Iterable[Pubkey]) -> None:
        """Adds a transaction that has to do with these addresses."""
        signature = bytes(landed.signature)
        self._database.execute(
            "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                signature,
                landed.slot,
                landed.position,
                landed.time,
                landed.wire,
                json.dumps(landed.error),
                zlib.compress(json.dumps(landed.meta, separators=(",", ":")).encode(), 1),
            ),
        )
        self._database.executemany(
            "INSERT OR IGNORE INTO mentions VALUES (?, ?, ?, ?)",
            [(bytes(address), landed.slot, landed.position, signature) for address in addresses],
        )

    def transaction(self, signature: Signature) -> Landed | None:
        row = self._database.execute(
            "SELECT slot, position, time, wire, error, meta FROM transactions WHERE signature = ?", (bytes(signature),)
        ).fetchone()
        if row is None:
            return None
        slot, position, time, wire, error, meta = row
        return Landed(signature, slot, position, time, wire, json.loads(error), json.loads(zlib.decompress(meta)))

    def status(self, signature: Signature) -> tuple[int, Any] | None:
        """The slot and the error of a transaction."""
        row = self._database.execute(
            "SELECT slot, error FROM transactions WHERE signature = ?", (bytes(signature),)
        ).fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def count(self) -> int:
        """How many transactions there are."""
        count: int = self._database.execute("SELECT count(*) FROM transactions").fetchone()[0]
        return count

    def mentions(
        self, address: Pubkey, last_slot: int, before: Signature | None, until: Signature | None, limit: int
    ) -> list[Mention]:
        """The transactions that name an address, newest first."""
        oldest = self._place(until) if until else None
        newest = self._place(before) if before else None
        rows = self._database.execute(
            """
            SELECT t.signature, t.slot, t.time, t.error FROM mentions m JOIN transactions t USING (signature)
            WHERE m.address = ? AND m.slot <= ? AND (m.slot, m.position) < (?, ?) AND (m.slot, m.position) > (?, ?)
            ORDER BY m.slot DESC, m.position DESC LIMIT ?
            """,
            (bytes(address), last_slot, *(newest or (last_slot + 1, 0)), *(oldest or (-1, 0)), limit),
        )
        return [Mention(Signature(signature), slot, time, json.loads(error)) for signature, slot, time, error in rows]

    def newest(self, limit: int) -> list[Mention]:
        """The newest transactions of all, newest first."""
        rows = self._database.execute(
            "SELECT signature, slot, time, error FROM transactions ORDER BY slot DESC, position DESC LIMIT ?", (limit,)
        )
        return [Mention(Signature(signature), slot, time, json.loads(error)) for signature, slot, time, error in rows]

    def _place(self, signature: Signature) -> tuple[int, int] | None:
        place: tuple[int, int] | None = self._database.execute(
            "SELECT slot, position FROM transactions WHERE signature = ?", (bytes(signature),)
        ).fetchone()
        return place
