"""What the market knows of each of its pools."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey
from solders.token.associated import get_associated_token_address

from localnet.market.tokens import TOKENS, Token
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Clock, Reader
from localnet.programs.tokens import token_account
from order_engine.dex.pool import Pool

_BPS = 10_000


class Pair(NamedTuple):
    """Two tokens, the dollars of each in the pool, and the deviation of its first price in basis points."""

    symbol_a: str
    symbol_b: str
    usd: int
    off_bps: int = 0

    @property
    def tokens(self) -> tuple[Token, Token]:
        return TOKENS[self.symbol_a], TOKENS[self.symbol_b]

    @property
    def amounts(self) -> tuple[int, int]:
        """The base units of each token."""
        a, b = (self.usd * 1_000_000 * 10**token.decimals // token.micro_usd for token in self.tokens)
        return a, b * (_BPS + self.off_bps) // _BPS


class Reserves(NamedTuple):
    """Two tokens, and the base units of each in the pool."""

    tokens: tuple[Token, Token]
    amounts: tuple[int, int]


class MarketPool(ABC):
    """A pool of the market. Token a is the program's first token (0, coin, x), token b its second."""

    kind: str
    program: Pubkey
    address: Pubkey
    vaults: tuple[Pubkey, Pubkey]

    def __init__(self, pair: Pair | Reserves) -> None:
        self.pair = pair
        self.tokens = pair.tokens

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.symbols[0]}-{self.symbols[1]}"

    @property
    def symbols(self) -> tuple[str, str]:
        token_a, token_b = self.tokens
        return token_a.symbol, token_b.symbol

    @abstractmethod
    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        """The accounts with which the pool begins, without its mints."""

    @abstractmethod
    def state(self, read: Reader, clock: Clock) -> Pool:
        """The pool as it stands, as the quote maths has it."""

    @abstractmethod
    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        """The instruction by which a trader swaps between its associated token accounts. Amounts are in base units."""

    def derived(self, *seeds: bytes | Pubkey) -> Pubkey:
        """The address that the pool's program derives from these seeds."""
        return Pubkey.find_program_address([bytes(seed) for seed in seeds], self.program)[0]

    def instruction(self, data: bytes, *accounts: AccountMeta) -> Instruction:
        return Instruction(self.program, data, list(accounts))


class Route(NamedTuple):
    """The accounts of a swap in its direction."""

    source: Pubkey
    destination: Pubkey
    vault_in: Pubkey
    vault_out: Pubkey
    mint_in: Pubkey
    mint_out: Pubkey


def route(pool: MarketPool, trader: Pubkey, a_to_b: bool) -> Route:
    (mint_in, vault_in), (mint_out, vault_out) = (
        (token.mint, vault) for token, vault in zip(pool.tokens, pool.vaults, strict=True)
    )
    if not a_to_b:
        mint_in, vault_in, mint_out, vault_out = mint_out, vault_out, mint_in, vault_in
    source, destination = (get_associated_token_address(trader, mint) for mint in (mint_in, mint_out))
    return Route(source, destination, vault_in, vault_out, mint_in, mint_out)


def readonly(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=False)


def writable(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=False, is_writable=True)


def signer(key: Pubkey) -> AccountMeta:
    return AccountMeta(key, is_signer=True, is_writable=False)


def u64s(*values: int) -> bytes:
    return b"".join(value.to_bytes(8, "little") for value in values)


def record(read: Reader, key: Pubkey, layout: Layout) -> Record:
    """The account of a pool. Raises `LookupError`."""
    account = read(key)
    if account is None:
        raise LookupError(f"expected an account at {key}, was none")
    return Record.of(layout, account.data)


def amount(read: Reader, key: Pubkey) -> int:
    """The base units in a token account; 0 if there is none."""
    found = token_account(read(key))
    return found.amount if found else 0
