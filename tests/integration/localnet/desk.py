"""A stand-in made for tests: a desk that takes one amount of a token, and pays another of a second one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from solders.account import Account
from solders.instruction import AccountMeta, Instruction
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.market.accounts import token_account
from localnet.market.tokens import TOKENS
from localnet.programs.standin import Clock, InstructionFailed, Outcome, ProgramError, Reader, Transfer
from localnet.tokens import associated_token_account
from localnet.tokens import token_account as parsed
from tests.support.localnet import Localnet

PROGRAM = Pubkey.new_unique()
AUTHORITY, _ = Pubkey.find_program_address([b"authority"], PROGRAM)
DESK = Pubkey.new_unique()
CLOSED = ProgramError(6001, "Closed", ("Program log: AnchorError occurred. Error Code: Closed. Error Number: 6001.",))
STARTED = "Program log: Instruction: Trade"
HELD = 1_000 * 10**9
"""Of each token, in base units."""


def desk(accounts: Sequence[Pubkey], data: bytes, read: Reader, clock: Clock) -> Outcome:
    """Its account counts the trades. A trade that names another count is refused."""
    trader, source, vault_in, vault_out, target, state, *_ = accounts
    amount_in, amount_out, trades = struct.unpack_from("<QQQ", data)
    record = read(state)
    assert record is not None, "the desk is not open"
    if int.from_bytes(record.data, "little") != trades:
        raise ProgramError(CLOSED.code, CLOSED.name, (STARTED, *CLOSED.logs))
    if clock.unix_timestamp < 1:
        raise InstructionFailed("InvalidArgument", "invalid program argument", (STARTED,))
    if (held := parsed(read(vault_out))) is None or held.amount < amount_out:
        raise InstructionFailed("InsufficientFunds", "insufficient funds for instruction", (STARTED,))
    return Outcome(
        (Transfer(source, vault_in, amount_in, trader), Transfer(vault_out, target, amount_out, AUTHORITY)),
        {state: (trades + 1).to_bytes(8, "little")},
        (STARTED,),
    )


@dataclass(frozen=True)
class Desk:
    """The desk on a localnet, which trades USDC for RAY and back, and SOL."""

    localnet: Localnet

    @classmethod
    def opened(cls) -> Desk:
        localnet = Localnet(standins={PROGRAM: desk})
        runtime = localnet.node.chain.runtime
        runtime.put(DESK, Account(10**9, bytes(8), PROGRAM))
        for token in TOKENS.values():
            vault = associated_token_account(AUTHORITY, token.mint)
            runtime.put(vault, token_account(token.mint, AUTHORITY, HELD))
        return cls(localnet)

    @property
    def trades(self) -> int:
        account = self.localnet.node.chain.runtime.get(DESK)
        assert account is not None
        return int.from_bytes(account.data, "little")

    def vault(self, symbol: str) -> Account:
        account = self.localnet.node.chain.runtime.get(associated_token_account(AUTHORITY, TOKENS[symbol].mint))
        assert account is not None
        return account

    def held(self, symbol: str) -> int:
        """In base units."""
        found = parsed(self.vault(symbol))
        assert found is not None
        return found.amount


def trade(
    trader: Keypair | Pubkey,
    amount_in: int,
    amount_out: int,
    trades: int = 0,
    *,
    sold: str = "USDC",
    bought: str = "RAY",
    signs: bool = True,
    writes: bool = True,
    mints: bool = True,
) -> Instruction:
    """Sells `amount_in` for `amount_out`, in base units, as the desk's trade number `trades`."""
    owner = trader if isinstance(trader, Pubkey) else trader.pubkey()
    token_in, token_out = TOKENS[sold].mint, TOKENS[bought].mint
    writable = [
        associated_token_account(owner, token_in),
        associated_token_account(AUTHORITY, token_in),
        associated_token_account(AUTHORITY, token_out),
        associated_token_account(owner, token_out),
    ]
    readable = [AUTHORITY, TOKEN, *((token_in, token_out) if mints else ())]
    return Instruction(
        PROGRAM,
        struct.pack("<QQQ", amount_in, amount_out, trades),
        [
            AccountMeta(owner, signs, False),
            *(AccountMeta(key, False, True) for key in writable),
            AccountMeta(DESK, False, writes),
            *(AccountMeta(key, False, False) for key in readable),
        ],
    )
