"""What the engine knows of a DEX's program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from order_engine.dex.pool import Pool
from order_engine.domain.errors import EngineError
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import Address
from order_engine.solana.instructions import Instruction


class Trader(NamedTuple):
    """Who swaps: the wallet that signs, and the token accounts that the swap debits and credits."""

    owner: Address
    source: Address
    destination: Address


class ProgramPool(Protocol):
    """A pool as its accounts describe it. Token a is the program's first token."""

    @property
    def address(self) -> Address: ...

    @property
    def mints(self) -> tuple[Address, Address]:
        """The mints of token a and token b."""

    @property
    def vaults(self) -> tuple[Address, Address]:
        """The token accounts in which the pool holds token a and token b."""

    @property
    def authority(self) -> Address:
        """The owner of the vaults."""

    @property
    def token_programs(self) -> tuple[Address, Address]:
        """The token programs of token a and token b."""

    @property
    def state(self) -> Pool:
        """The state that the quote maths needs."""

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        """Swaps exactly `amount_in`, for at least `min_out`. Amounts are in base units."""

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        """Buys exactly `amount_out`, for at most `max_in`. Amounts are in base units."""


class Program(Protocol):
    """A DEX's program on one cluster: how its pools are found, read and called."""

    name: str
    venue: str
    kind: str
    """The kind of its pools in `order_engine.dex`."""
    id: Address
    pool_size: int
    """The bytes of a pool's account."""
    discriminator: bytes
    mint_offsets: tuple[int, int]
    """Where the mints of token a and token b are in a pool's account."""
    sorts_mints: bool = False
    """Whether the mint of token a is always the lower one."""
    errors: Mapping[str, type[EngineError]]
    """The reaction to an error of this program, by the error's name. Any other error is final."""
    codes: Mapping[int, str]
    """The names of error codes, for programs or nodes that log no names."""

    def companions(self, address: Address, data: bytes) -> list[Address]:
        """The other accounts that a quote needs, for the data of a pool's account.

        Raises `CorruptPool`, `UnsupportedPool`.
        """

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> ProgramPool:
        """The pool, from its account and its companions; accounts beyond these may be there too.

        Raises `CorruptPool` for accounts of another owner, size or discriminator, or that do not fit together;
        `UnsupportedPool` for a pool that does not trade now, or not as the quote maths has it.
        """
