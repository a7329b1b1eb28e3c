"""Pools of Meteora DAMM v2: liquidity over all prices, a constant fee."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

from solders.account import Account
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.market.accounts import owned, token_account
from localnet.market.pools.pool import MarketPool, Pair, Reserves, readonly, record, route, signer, u64s, writable
from localnet.programs.meteora_damm_v2 import AUTHORITY, EVENT_AUTHORITY, ID, POOL, state
from localnet.programs.records import Record
from localnet.programs.standin import Clock, Reader
from order_engine.dex.meteora_damm_v2 import MAX_SQRT_PRICE, MIN_SQRT_PRICE, delta_a, delta_b
from order_engine.dex.pool import Pool

_SWAP = bytes.fromhex("f8c69e91e17587c8")
_BILLIONTHS_PER_BPS = 100_000
_BY_SECONDS = 1
_CUSTOMIZABLE = 1


class MeteoraDammV2Pool(MarketPool):
    """`fee_bps` is in basis points of the output. The protocol gets a fifth of it."""

    kind = "meteora_damm_v2"
    program = ID

    def __init__(self, pair: Pair | Reserves, fee_bps: int) -> None:
        super().__init__(pair)
        self._fee_bps = fee_bps
        mints = [bytes(token.mint) for token in self.tokens]
        self.address = self.derived(b"cpool", max(mints), min(mints))
        self.vaults = (
            self.derived(b"token_vault", mints[0], self.address),
            self.derived(b"token_vault", mints[1], self.address),
        )

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        amount_a, amount_b = self.pair.amounts
        price = isqrt((amount_b << 128) // amount_a)
        liquidity = (amount_b << 128) // price
        held = (
            delta_a(price, MAX_SQRT_PRICE, liquidity, round_up=True),
            delta_b(MIN_SQRT_PRICE, price, liquidity, round_up=True),
        )
        pool = Record.new(
            POOL,
            cliff_fee_numerator=self._fee_bps * _BILLIONTHS_PER_BPS,
            protocol_fee_percent=20,
            referral_fee_percent=20,
            init_sqrt_price=price,
            mint_a=self.tokens[0].mint,
            mint_b=self.tokens[1].mint,
            vault_a=self.vaults[0],
            vault_b=self.vaults[1],
            liquidity=liquidity,
            sqrt_min_price=MIN_SQRT_PRICE,
            sqrt_max_price=MAX_SQRT_PRICE,
            sqrt_price=price,
            activation_type=_BY_SECONDS,
            pool_type=_CUSTOMIZABLE,
            fee_version=1,
            permanent_lock_liquidity=liquidity,
            total_position=1,
            token_a_amount=held[0],
            token_b_amount=held[1],
            layout_version=1,
        )
        yield self.address, owned(ID, pool.data())
        for vault, token, amount in zip(self.vaults, self.tokens, held, strict=True):
            yield vault, token_account(token.mint, AUTHORITY, amount)

    def state(self, read: Reader, clock: Clock) -> Pool:
        return state(record(read, self.address, POOL), clock)

    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        at = route(self, trader, a_to_b)
        return self.instruction(
            _SWAP + u64s(amount_in, min_out),
            readonly(AUTHORITY),
            writable(self.address),
            writable(at.source),
            writable(at.destination),
            writable(self.vaults[0]),
            writable(self.vaults[1]),
            readonly(self.tokens[0].mint),
            readonly(self.tokens[1].mint),
            signer(trader),
            readonly(TOKEN),
            readonly(TOKEN),
            readonly(ID),
            readonly(EVENT_AUTHORITY),
            readonly(ID),
        )
