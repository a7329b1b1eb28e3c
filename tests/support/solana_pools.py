"""Pools on Solana whose instructions can be read, and quotes of swaps in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.solana.addresses import TOKEN, Address, encode
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.programs.program import Trader
from tests.support.deployments import MAINNET


class Call(NamedTuple):
    """What an instruction of a fake pool asks for."""

    is_exact_out: bool
    a_to_b: bool
    exact: int
    limit: int


@dataclass(frozen=True)
class FakePool:
    """A pool of a program that does not exist, in SOL and USDC unless it says otherwise."""

    name: str
    symbols: tuple[str, str] = ("SOL", "USDC")
    extra_accounts: int = 3

    @property
    def state(self) -> RaydiumAmmV4:
        return RaydiumAmmV4(10**15, 10**14, 25, 10_000)

    @property
    def address(self) -> Address:
        return sha256(self.name.encode()).digest()

    @property
    def id(self) -> str:
        return encode(self.address)

    @property
    def mints(self) -> tuple[Address, Address]:
        mint_a, mint_b = map(MAINNET.mint, self.symbols)
        return mint_a, mint_b

    @property
    def vaults(self) -> tuple[Address, Address]:
        return self._other(0), self._other(1)

    @property
    def authority(self) -> Address:
        return self.address

    @property
    def token_programs(self) -> tuple[Address, Address]:
        return TOKEN, TOKEN

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        return self._instruction(trader, Call(False, a_to_b, amount_in, min_out))

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        return self._instruction(trader, Call(True, a_to_b, amount_out, max_in))

    def read(self, instruction: Instruction) -> Call:
        is_exact_out, a_to_b, *amounts = (
            instruction.data[0],
            instruction.data[1],
            instruction.data[2:10],
            instruction.data[10:],
        )
        exact, limit = (int.from_bytes(amount, "little") for amount in amounts)
        return Call(bool(is_exact_out), bool(a_to_b), exact, limit)

    def _instruction(self, trader: Trader, call: Call) -> Instruction:
        accounts = [AccountMeta(trader.owner, signer=True), AccountMeta(self.address, writable=True)]
        accounts += [AccountMeta(account, writable=True) for account in (trader.source, trader.destination)]
        accounts += [AccountMeta(self._other(number), writable=True) for number in range(self.extra_accounts)]
        data = (
            bytes([call.is_exact_out, call.a_to_b])
            + call.exact.to_bytes(8, "little")
            + call.limit.to_bytes(8, "little")
        )
        return Instruction(sha256(b"program").digest(), tuple(accounts), data)

    def _other(self, number: int) -> Address:
        return sha256(f"{self.name} {number}".encode()).digest()


def planned(pool: FakePool, token_in: str, amount_in: int, amount_out: int) -> PlannedSwap:
    token_out = next(symbol for symbol in pool.symbols if symbol != token_in)
    return PlannedSwap("fake", pool.id, token_in, token_out, amount_in, amount_out)


def quote(
    token_in: str, token_out: str, amount_in: int, swaps: Sequence[PlannedSwap], expires_at: float = 1e10
) -> Quote:
    """A quote of these swaps. The last of them belong to the last hop."""
    amount_out = sum(swap.amount_out for swap in swaps if swap.token_out == swaps[-1].token_out)
    return Quote(token_in, token_out, amount_in, amount_out, tuple(swaps), slot=7, expires_at=expires_at)
