"""The chain: blocks of transactions, what they have changed, and how certain they are."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from solders.account import Account
from solders.hash import Hash
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.execution import Execution, execute
from localnet.ledger import Block, Landed, Ledger, Mention
from localnet.meta import meta_of
from localnet.runtime import Runtime
from localnet.transactions import Transaction, budget_of

SLOT_SECONDS = 0.4
BLOCKHASH_BLOCKS = 150
"""For how many blocks after its own a transaction may name a blockhash."""
KEPT_BLOCKS = 300
"""How many blocks can be looked back to."""
MAX_LAG = 256
"""How many blocks a node may lag behind."""

_CONFIRMED_AFTER = 2  # blocks
_FINALIZED_AFTER = 32
_IDLE_COMMIT = 25  # A killed process loses fewer blocks than this, all of them empty.
# As on mainnet, slots are far ahead of block heights, so that no one takes one for the other.
_FIRST_SLOT = 435_888_000
_SLOT_HASHES = 512


class Commitment(StrEnum):
    PROCESSED = "processed"
    CONFIRMED = "confirmed"
    FINALIZED = "finalized"


@dataclass
class _Recent:
    """A block that can be looked back to, and dropped while it is not final."""

    block: Block
    before: dict[Pubkey, Account | None] = field(default_factory=dict)
    """The accounts that it has written, as they were before it."""
    transactions: int = 0
    is_saved: bool = True
    price: int | None = None
    """The lowest price of a compute unit that one of its transactions pays, in micro-lamports."""
    prices: dict[Pubkey, int] = field(default_factory=dict)
    """As `price`, of the transactions that may write an account."""

    def took(self, price: int, writable: Iterable[Pubkey]) -> None:
        self.price = price if self.price is None else min(price, self.price)
        for address in writable:
            self.prices[address] = min(price, self.prices.get(address, price))


class Chain:
    """A chain with one node.

    With `instant`, every transaction makes a block, which is confirmed at once. Otherwise `open_block` is called for
    every slot: its block is confirmed two slots later. In both a block is final 32 blocks later.
    """

    def __init__(
        self, runtime: Runtime, ledger: Ledger, *, instant: bool, now: Callable[[], float] = time.time
    ) -> None:
        self.runtime = runtime
        self._ledger = ledger
        self.is_instant = instant
        self._now = now
        self._confirmed_after = 0 if instant else _CONFIRMED_AFTER
        self._recent: deque[_Recent] = deque()
        self._blocks: dict[Hash, Block] = {}  # that are kept, also from before a restart, oldest first
        self._slot_hashes: deque[tuple[int, Hash]] = deque(maxlen=_SLOT_HASHES)
        self._delayed: list[tuple[int, Transaction]] = []  # with the height of the block that takes each
        self._last_slot = 0
        self._finalized = self._confirmed = 0  # heights

    def start(self, genesis: Callable[[], Mapping[Pubkey, Account]]) -> None:
        """Continues where the ledger ends, or begins with the accounts of `genesis`."""
        blocks = self._ledger.blocks(KEPT_BLOCKS)
        if blocks:
            accounts = dict(self._ledger.accounts())
            slot, height = blocks[-1].slot + _IDLE_COMMIT, blocks[-1].height + _IDLE_COMMIT
        else:
            accounts = dict(genesis())
            self._ledger.set_fact("genesis", secrets.token_bytes(32))
            self._ledger.put_accounts(accounts)
            slot, height = _FIRST_SLOT, 0
        # A program is loaded from the account with its data.
        for address, account in sorted(accounts.items(), key=lambda item: item[1].executable):
            self.runtime.put(address, account)
        for block in blocks:
            self._blocks[block.blockhash] = block
            self._slot_hashes.appendleft((block.slot, block.blockhash))
        self._append(slot, height)
        self._confirmed = self._finalized = height
        self._ledger.commit()
        if not self.is_instant:
            self.open_block()  # what comes next is not confirmed

    @property
    def genesis_hash(self) -> Hash:
        genesis = self._ledger.fact("genesis")
        assert genesis
        return Hash(genesis)

    @property
    def tip(self) -> Block:
        """The newest block."""
        return self._recent[-1].block

    def block(self, commitment: Commitment, behind: int = 0) -> Block:
        """The newest block of this commitment, for a node that lags `behind` blocks."""
        match commitment:
            case Commitment.PROCESSED:
                height = self.tip.height
            case Commitment.CONFIRMED:
                height = self._confirmed
            case Commitment.FINALIZED:
                height = self._finalized
        first = self._recent[0].block.height
        return self._recent[max(height - behind - first, 0)].block

    def commitment(self, slot: int, behind: int = 0) -> Commitment:
        """How certain the block of a slot is."""
        for commitment in (Commitment.FINALIZED, Commitment.CONFIRMED):
            if slot <= self.block(commitment, behind).slot:
                return commitment
        return Commitment.PROCESSED

    def account(self, address: Pubkey, block: Block) -> Account | None:
        """An account as it was after this block."""
        return self.accounts((address,), block)[0]

    def accounts(self, addresses: Iterable[Pubkey], block: Block) -> list[Account | None]:
        before = self._before(block)
        return [before[address] if address in before else self.runtime.get(address) for address in addresses]

    def owned_by(self, program: Pubkey, block: Block) -> dict[Pubkey, Account]:
        """The accounts of a program as they were after this block."""
        found = self.runtime.owned_by(program)
        for address, account in self._before(block).items():
            found.pop(address, None)
            if account and account.owner == program:
                found[address] = account
        return found

    def last_valid_height(self, blockhash: Hash, block: Block) -> int | None:
        """The last height for a transaction with this blockhash; `None` if the block does not know it, or no more."""
        named = self._blocks.get(blockhash)
        if named is None or not named.height <= block.height <= named.height + BLOCKHASH_BLOCKS:
            return None
        return named.height + BLOCKHASH_BLOCKS

    def simulate(self, transaction: Transaction, block: Block, *, as_is: bool = False) -> Execution:
        """What the transaction would do after this block. With `as_is`, its blockhash and signature do not matter."""
        error = None if as_is else self._refusal(transaction, block)
        if error:
            return _refused(error)
        with self._back_at(block):
            return execute(self.runtime, transaction)

    def send_later(self, transaction: Transaction, blocks: int) -> None:
        """Carries out a transaction after `blocks` more, if it may be then."""
        self._delayed.append((self.tip.height + blocks, transaction))

    def send(self, transaction: Transaction) -> Execution:
        """Carries out a transaction whose signatures are right. Its block is the newest, if one takes it at all."""
        if self.is_instant and self._refusal(transaction, self.tip) is None:
            self.open_block()
        execution = self._land(transaction)
        if self.is_instant:
            self.save()
        return execution

    def write(self, accounts: Mapping[Pubkey, Account]) -> None:
        """Writes accounts in the newest block, as no transaction could. Returns when they are on the disk."""
        if self.is_instant:
            self.open_block()
        recent = self._recent[-1]
        for address, account in accounts.items():
            recent.before.setdefault(address, self.runtime.get(address))
            self.runtime.put(address, account)
        self.save()

    def open_block(self) -> None:
        """Closes the newest block, and begins the next one with the transactions that were delayed until then."""
        closed = self._recent[-1]
        if not closed.is_saved or closed.block.height % _IDLE_COMMIT == 0:
            self.save()
        self._append(self._last_slot + 1, self.tip.height + 1)
        self._confirmed = max(self._confirmed, self.tip.height - self._confirmed_after)
        self._finalized = max(self._finalized, self.tip.height - _FINALIZED_AFTER)
        due = [transaction for height, transaction in self._delayed if height <= self.tip.height]
        self._delayed = [entry for entry in self._delayed if entry[0] > self.tip.height]
        for transaction in due:
            self._land(transaction)
        if self.is_instant and due:
            self.save()

    def fork(self, *, deep: bool = False) -> int:
        """Drops the blocks that are not confirmed, or with `deep` not final. Returns how many transactions they had."""
        kept = self.block(Commitment.FINALIZED if deep else Commitment.CONFIRMED)
        before = self._before(kept)
        for address, account in before.items():
            self.runtime.put(address, account)
        while self.tip != kept:
            dropped = self._recent.pop()
            del self._blocks[dropped.block.blockhash]
            self._slot_hashes.popleft()
        self._ledger.put_accounts(before)
        count = self._ledger.drop_blocks(kept.slot)
        self._confirmed = min(self._confirmed, kept.height)
        self._append(self._last_slot + 1, kept.height + 1)
        self._ledger.commit()
        return count

    def status(self, signature: Signature, block: Block) -> tuple[int, Any] | None:
        """The slot and the error of a transaction in this block or before."""
        status = self._ledger.status(signature)
        return status if status and status[0] <= block.slot else None

    def transaction(self, signature: Signature, block: Block) -> Landed | None:
        """A transaction in this block or before."""
        landed = self._ledger.transaction(signature)
        return landed if landed and landed.slot <= block.slot else None

    def is_recent(self, slot: int) -> bool:
        """Whether a node remembers the transactions of a slot without a search of its history."""
        return slot > self.tip.slot - KEPT_BLOCKS

    def mentions(
        self, address: Pubkey, block: Block, before: Signature | None, until: Signature | None, limit: int
    ) -> list[Mention]:
        """The transactions that name an address, in this block or before, newest first.

        With `before` and `until`, only those older than the one and newer than the other.
        """
        return self._ledger.mentions(address, block.slot, before, until, limit)

    def newest(self, limit: int) -> list[Mention]:
        """The newest transactions of all, newest first."""
        return self._ledger.newest(limit)

    def priority_fees(self, addresses: Iterable[Pubkey]) -> list[tuple[int, int]]:
        """The lowest price, in micro-lamports a compute unit, that wrote these accounts, by slot: of the last 150."""
        addresses = list(addresses)
        return [
            (recent.block.slot, max([recent.price or 0, *(recent.prices.get(key, 0) for key in addresses)]))
            for recent in list(self._recent)[-BLOCKHASH_BLOCKS:]
        ]

    @property
    def transaction_count(self) -> int:
        return self._ledger.count()

    def save(self) -> None:
        """Returns when all that has happened is on the disk."""
        recent = self._recent[-1]
        self._ledger.put_accounts({address: self.runtime.get(address) for address in recent.before})
        self._ledger.commit()
        recent.is_saved = True

    def _append(self, slot: int, height: int) -> None:
        seconds = max(int(self._now()), self._recent[-1].block.time if self._recent else 0)
        block = Block(slot, height, Hash(secrets.token_bytes(32)), seconds)
        self._last_slot = slot
        self._recent.append(_Recent(block))
        self._blocks[block.blockhash] = block
        self.runtime.set_clock(slot, seconds)
        self.runtime.set_slot_hashes(list(self._slot_hashes))
        self._slot_hashes.appendleft((slot, block.blockhash))
        if len(self._recent) > KEPT_BLOCKS:
            self._recent.popleft()
        if len(self._blocks) > KEPT_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        self._ledger.add_block(block, next(iter(self._blocks.values())).slot)

    def _refusal(self, transaction: Transaction, block: Block) -> str | None:
        """Why no block after this one takes the transaction, whatever it does."""
        if self.last_valid_height(transaction.message.recent_blockhash, block) is None:
            return "BlockhashNotFound"
        return "AlreadyProcessed" if self.status(transaction.signature, block) else None

    def _land(self, transaction: Transaction) -> Execution:
        if error := self._refusal(transaction, self.tip):
            return _refused(error)
        execution = execute(self.runtime, transaction)
        if not execution.is_included or execution.keys is None:
            return execution
        recent = self._recent[-1]
        block = recent.block
        meta = meta_of(execution, execution.keys, self.runtime.get)
        position = recent.transactions
        wire = bytes(transaction.versioned)
        landed = Landed(transaction.signature, block.slot, position, block.time, wire, execution.error, meta)
        self._ledger.add_transaction(landed, execution.keys.all)
        for address, account in execution.writes.items():
            recent.before.setdefault(address, self.runtime.get(address))
            self.runtime.put(address, account)
        recent.transactions += 1
        recent.is_saved = False
        price = budget_of(transaction.message).micro_lamports_per_unit
        recent.took(price, execution.keys.all_writable())
        return execution

    def _before(self, block: Block) -> dict[Pubkey, Account | None]:
        """The accounts that have changed since this block, as they were after it."""
        before: dict[Pubkey, Account | None] = {}
        for recent in reversed(self._recent):
            if recent.block.height <= block.height:
                break
            before.update(recent.before)
        return before

    @contextmanager
    def _back_at(self, block: Block) -> Iterator[None]:
        """The runtime as it was after this block."""
        before, tip = self._before(block), self.tip
        now = {address: self.runtime.get(address) for address in before}
        try:
            for address, account in before.items():
                self.runtime.put(address, account)
            self.runtime.set_clock(block.slot, block.time)
            yield
        finally:
            for address, account in now.items():
                self.runtime.put(address, account)
            self.runtime.set_clock(tip.slot, tip.time)


def _refused(error: str) -> Execution:
    """No block takes the transaction."""
    return Execution(None, error, (), {}, 0, 0, {}, None, is_included=False)
