"""Gives away SOL and the known tokens. It may mint every one of them, which on mainnet others do."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from itertools import count
from typing import NamedTuple

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from localnet.tokens import ASSOCIATED_TOKEN, TOKEN, WRAPPED_SOL, associated_token_account

_SYSTEM = Pubkey.default()
_MEMO = Pubkey.from_string("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr")
_LAMPORTS = 500_000_000 * 10**9
_MINT_LAMPORTS = 10**9
_MINT_AUTHORITY = slice(0, 36)


class Token(NamedTuple):
    """A token that is known here, under its mint on mainnet."""

    symbol: str
    mint: Pubkey
    decimals: int
    granted: int
    """The whole tokens that a new wallet gets."""


TOKENS = {
    token.symbol: token
    for token in (
        Token("SOL", WRAPPED_SOL, 9, 100),
        Token("USDC", Pubkey.from_string("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"), 6, 100_000),
        Token("USDT", Pubkey.from_string("Es9vMFrzaCErmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"), 6, 100_000),
        Token("RAY", Pubkey.from_string("4k3Dyjzvzp8eMZWUXbBCjEvwSkkk59S5iCNLY3QrkX6R"), 6, 100_000),
        Token("BONK", Pubkey.from_string("DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263"), 5, 1_000_000_000),
        Token("JUP", Pubkey.from_string("JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN"), 6, 100_000),
        Token("mSOL", Pubkey.from_string("mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So"), 9, 500),
    )
}


class Faucet:
    """An account with lamports without end, that may mint the known tokens."""

    def __init__(self, keypair: Keypair) -> None:
        self._keypair = keypair
        self._numbers = count(1)

    @property
    def address(self) -> Pubkey:
        return self._keypair.pubkey()

    def genesis(self, accounts: Mapping[Pubkey, Account]) -> dict[Pubkey, Account]:
        """The faucet's account, and the mints of the known tokens; those among `accounts` keep their supply."""
        genesis = {self.address: Account(_LAMPORTS, b"", _SYSTEM)}
        for token in TOKENS.values():
            account = accounts.get(token.mint)
            data = bytearray(account.data if account else _mint_data(token.decimals))
            if token.mint != WRAPPED_SOL:
                data[_MINT_AUTHORITY] = struct.pack("<I32s", 1, bytes(self.address))
            genesis[token.mint] = Account(account.lamports if account else _MINT_LAMPORTS, bytes(data), TOKEN)
        return genesis

    def airdrop(self, to: Pubkey, amount: int, token: Token, blockhash: Hash) -> VersionedTransaction:
        """A transaction that gives `amount` base units away; SOL is not wrapped."""
        if token.mint == WRAPPED_SOL:
            gifts = [transfer(TransferParams(from_pubkey=self.address, to_pubkey=to, lamports=amount))]
        else:
            gifts = self._mint_to(to, amount, token.mint)
        # Two equal airdrops under one blockhash would be one transaction.
        memo = Instruction(_MEMO, f"airdrop {next(self._numbers)}".encode(), [])
        message = MessageV0.try_compile(self.address, [*gifts, memo], [], blockhash)
        return VersionedTransaction(message, [self._keypair])

    def _mint_to(self, owner: Pubkey, amount: int, mint: Pubkey) -> list[Instruction]:
        account = associated_token_account(owner, mint)
        return [
            Instruction(
                ASSOCIATED_TOKEN,
                b"\x01",  # CreateIdempotent
                [
                    AccountMeta(self.address, True, True),
                    AccountMeta(account, False, True),
                    AccountMeta(owner, False, False),
                    AccountMeta(mint, False, False),
                    AccountMeta(_SYSTEM, False, False),
                    AccountMeta(TOKEN, False, False),
                ],
            ),
            Instruction(
                TOKEN,
                b"\x07" + amount.to_bytes(8, "little"),  # MintTo
                [
                    AccountMeta(mint, False, True),
                    AccountMeta(account, False, True),
                    AccountMeta(self.address, True, False),
                ],
            ),
        ]


def _mint_data(decimals: int) -> bytes:
    return struct.pack("<I32sQBBI32s", 0, bytes(32), 0, decimals, 1, 0, bytes(32))
