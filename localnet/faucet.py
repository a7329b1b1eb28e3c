"""Gives away SOL and the known tokens. It may mint every one of them, which on mainnet others do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from solders.account import Account
from solders.hash import Hash
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.system_program import TransferParams, transfer
from solders.transaction import VersionedTransaction

from localnet.addresses import ASSOCIATED_TOKEN, MEMO, SYSTEM, TOKEN, WRAPPED_SOL
from localnet.market.accounts import mint_account
from localnet.market.tokens import TOKENS, Token
from localnet.tokens import associated_token_account

_LAMPORTS = 500_000_000 * 10**9


GRANTS = {
    "SOL": 100,
    "USDC": 100_000,
    "USDT": 100_000,
    "RAY": 100_000,
    "BONK": 1_000_000_000,
    "JUP": 100_000,
    "mSOL": 500,
}
"""The whole tokens that a new wallet gets."""


class Faucet:
    """An account with lamports without end, that may mint the known tokens."""

    def __init__(self, keypair: Keypair) -> None:
        self._keypair = keypair
        self._numbers = count(1)

    @property
    def address(self) -> Pubkey:
        return self._keypair.pubkey()

    def genesis(self) -> Iterator[tuple[Pubkey, Account]]:
        """The faucet's account, and the mints of the known tokens, with no supply yet."""
        yield self.address, Account(_LAMPORTS, b"", SYSTEM)
        for token in TOKENS.values():
            yield token.mint, mint_account(self.address, 0, token.decimals)

    def airdrop(self, to: Pubkey, amount: int, token: Token, blockhash: Hash) -> VersionedTransaction:
        """A transaction that gives `amount` base units away; SOL is not wrapped."""
        if token.mint == WRAPPED_SOL:
            gifts = [transfer(TransferParams(from_pubkey=self.address, to_pubkey=to, lamports=amount))]
        else:
            gifts = self._mint_to(to, amount, token.mint)
        # Two equal airdrops under one blockhash would be one transaction.
        memo = Instruction(MEMO, f"airdrop {next(self._numbers)}".encode(), [])
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
                    AccountMeta(SYSTEM, False, False),
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
