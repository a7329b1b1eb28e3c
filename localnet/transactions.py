"""Transactions as they are sent: their bytes, their accounts, and what they may cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from solders.account import Account
from solders.instruction import CompiledInstruction
from solders.message import Message, MessageV0
from solders.pubkey import Pubkey
from solders.signature import Signature
from solders.transaction import SanitizeError, VersionedTransaction

from localnet.addresses import COMPUTE_BUDGET

Reader: TypeAlias = Callable[[Pubkey], Account | None]
"""The account at an address; `None` where there is none."""

MAX_BYTES = 1232
LAMPORTS_PER_SIGNATURE = 5000

# https://github.com/anza-xyz/agave/blob/master/builtins-default-costs/src/lib.rs
_BUILTINS = frozenset(
    Pubkey.from_string(text)
    for text in (
        "11111111111111111111111111111111",
        "BPFLoader1111111111111111111111111111111111",
        "BPFLoader2111111111111111111111111111111111",
        "BPFLoaderUpgradeab1e11111111111111111111111",
        "ComputeBudget111111111111111111111111111111",
        "Ed25519SigVerify111111111111111111111111111",
        "KeccakSecp256k11111111111111111111111111111",
        "LoaderV411111111111111111111111111111111111",
        "Vote111111111111111111111111111111111111111",
    )
)
_BUILTIN_UNITS = 3_000
_INSTRUCTION_UNITS = 200_000
_MAX_UNITS = 1_400_000
_HEAP_BYTES = 32 * 1024
_LOOKUP_TABLE_HEADER = 56  # bytes before the addresses


class Transaction(NamedTuple):
    """A signed transaction. Its first signature names it."""

    versioned: VersionedTransaction
    message: Message | MessageV0
    signature: Signature

    def is_signed(self) -> bool:
        """Whether every signature is that of its account."""
        return all(self.versioned.verify_with_results())

    @property
    def version(self) -> int | str:
        return 0 if isinstance(self.message, MessageV0) else "legacy"


def decode(wire: bytes) -> Transaction:
    """Raises `ValueError`, which says what is wrong with the bytes."""
    versioned = VersionedTransaction.from_bytes(wire)
    message = versioned.message
    if not isinstance(message, (Message, MessageV0)):
        raise ValueError("expected a legacy or version 0 transaction, was version 1")
    try:
        versioned.sanitize()
    except SanitizeError as error:
        raise ValueError(f"invalid transaction: {error}") from None
    return Transaction(versioned, message, versioned.signatures[0])


class Keys(NamedTuple):
    """The accounts of a transaction, in the order in which its instructions count them."""

    all: tuple[Pubkey, ...]
    writable: tuple[Pubkey, ...]
    """Those from lookup tables that may be written."""
    readonly: tuple[Pubkey, ...]
    """Those from lookup tables that may only be read."""
    signers: int
    readonly_signers: int
    readonly_others: int

    def is_signer(self, index: int) -> bool:
        return index < self.signers

    def is_writable(self, index: int) -> bool:
        static = len(self.all) - len(self.writable) - len(self.readonly)
        if index >= static:
            return index < static + len(self.writable)
        if index < self.signers:
            return index < self.signers - self.readonly_signers
        return index < static - self.readonly_others

    def all_writable(self) -> Iterator[Pubkey]:
        return (key for index, key in enumerate(self.all) if self.is_writable(index))

    def of(self, instruction: CompiledInstruction) -> tuple[Pubkey, ...]:
        """The accounts of an instruction."""
        return tuple(self.all[index] for index in instruction.accounts)


def keys_from(message: Message | MessageV0, writable: Iterable[Pubkey], readonly: Iterable[Pubkey]) -> Keys:
    """The accounts of a message, with those from lookup tables."""
    writable, readonly, header = tuple(writable), tuple(readonly), message.header
    return Keys(
        (*message.account_keys, *writable, *readonly),
        writable,
        readonly,
        header.num_required_signatures,
        header.num_readonly_signed_accounts,
        header.num_readonly_unsigned_accounts,
    )


def keys_of(message: Message | MessageV0, read: Reader) -> Keys | None:
    """`None` if a lookup table does not exist or is too short."""
    writable: list[Pubkey] = []
    readonly: list[Pubkey] = []
    for lookup in message.address_table_lookups if isinstance(message, MessageV0) else ():
        table = read(lookup.account_key)
        addresses = table.data[_LOOKUP_TABLE_HEADER:] if table else b""
        for indexes, found in ((lookup.writable_indexes, writable), (lookup.readonly_indexes, readonly)):
            for index in bytes(indexes):
                raw = addresses[32 * index : 32 * index + 32]
                if len(raw) < 32:
                    return None
                found.append(Pubkey(raw))
    return keys_from(message, writable, readonly)


class Budget(NamedTuple):
    """What the compute-budget instructions of a transaction ask for, or the defaults."""

    units: int
    heap_bytes: int
    micro_lamports_per_unit: int
    is_explicit: bool
    """Whether the transaction sets the limit itself."""

    def fee(self, signatures: int) -> int:
        """In lamports: for the signatures, and for the priority, rounded up."""
        return LAMPORTS_PER_SIGNATURE * signatures - (-self.units * self.micro_lamports_per_unit // 10**6)


def budget_of(message: Message | MessageV0) -> Budget:
    """Malformed instructions count for nothing here: the chain refuses the transaction."""
    units, heap, price = None, _HEAP_BYTES, 0
    default = 0
    for instruction in message.instructions:
        program = message.account_keys[instruction.program_id_index]
        default += _BUILTIN_UNITS if program in _BUILTINS else _INSTRUCTION_UNITS
        data = instruction.data
        if program == COMPUTE_BUDGET and data:
            match data[0]:
                case 1:
                    heap = int.from_bytes(data[1:5], "little")
                case 2:
                    units = int.from_bytes(data[1:5], "little")
                case 3:
                    price = int.from_bytes(data[1:9], "little")
    limit = min(default if units is None else units, _MAX_UNITS)
    return Budget(limit, heap, price, units is not None)
