"""Pools of Raydium AMM v4, without an order book."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from solders.account import Account
from solders.instruction import Instruction
from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.market.accounts import mint_account, owned, token_account
from localnet.market.pools.pool import (
    MarketPool,
    Pair,
    Reserves,
    amount,
    readonly,
    record,
    route,
    signer,
    u64s,
    writable,
)
from localnet.programs.raydium_amm_v4 import AUTHORITY, AUTHORITY_BUMP, ID, POOL, SWAP_ONLY, state
from localnet.programs.records import Record
from localnet.programs.standin import Clock, Reader
from order_engine.dex.pool import Pool

_SWAP_BASE_IN = b"\x09"
_LP_SUPPLY = 10**15
_OPENBOOK = Pubkey.from_string("srmqPvymJeFKQ4zGQed1GFppgkRHL9kaELCbyksJtPX")
_NEVER = 2**63 - 1


class RaydiumAmmV4Pool(MarketPool):
    """The coin is token a. A pool has the address that belongs to its market, but there is no account of the market."""

    kind = "raydium_amm_v4"
    program = ID

    def __init__(self, pair: Pair | Reserves) -> None:
        super().__init__(pair)
        self.market = Pubkey(sha256(f"market {'-'.join(self.symbols)}".encode()).digest())
        self.address = self._of_market(b"amm_associated_seed")
        self.vaults = (
            self._of_market(b"coin_vault_associated_seed"),
            self._of_market(b"pc_vault_associated_seed"),
        )
        self.lp_mint = self._of_market(b"lp_mint_associated_seed")

    def _of_market(self, seed: bytes) -> Pubkey:
        return self.derived(ID, self.market, seed)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        coin, pc = self.tokens
        pool = Record.new(
            POOL,
            status=SWAP_ONLY,
            nonce=AUTHORITY_BUMP,
            order_num=7,
            depth=3,
            coin_decimals=coin.decimals,
            pc_decimals=pc.decimals,
            state=1,
            min_size=1,
            vol_max_cut_ratio=500,
            amount_wave=5_000_000,
            coin_lot_size=1,
            pc_lot_size=1,
            min_price_multiplier=1,
            max_price_multiplier=10**9,
            sys_decimal_value=10**9,
            min_separate_numerator=5,
            min_separate_denominator=10_000,
            trade_fee_numerator=25,
            trade_fee_denominator=10_000,
            pnl_numerator=12,
            pnl_denominator=100,
            swap_fee_numerator=25,
            swap_fee_denominator=10_000,
            orderbook_to_init_time=_NEVER,
            coin_vault=self.vaults[0],
            pc_vault=self.vaults[1],
            coin_mint=coin.mint,
            pc_mint=pc.mint,
            lp_mint=self.lp_mint,
            open_orders=self._of_market(b"open_order_associated_seed"),
            market=self.market,
            market_program=_OPENBOOK,
            target_orders=self._of_market(b"target_associated_seed"),
            lp_amount=_LP_SUPPLY,
        )
        yield self.address, owned(ID, pool.data())
        yield self.lp_mint, mint_account(AUTHORITY, _LP_SUPPLY, coin.decimals)
        for vault, token, held in zip(self.vaults, self.tokens, self.pair.amounts, strict=True):
            yield vault, token_account(token.mint, AUTHORITY, held)

    def state(self, read: Reader, clock: Clock) -> Pool:
        amounts = amount(read, self.vaults[0]), amount(read, self.vaults[1])
        return state(record(read, self.address, POOL), amounts)

    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        at = route(self, trader, a_to_b)
        # A pool without an order book looks at none of the market's accounts.
        unused = readonly(self.address)
        return self.instruction(
            _SWAP_BASE_IN + u64s(amount_in, min_out),
            readonly(TOKEN),
            writable(self.address),
            readonly(AUTHORITY),
            unused,
            writable(self.vaults[0]),
            writable(self.vaults[1]),
            *[unused] * 8,
            writable(at.source),
            writable(at.destination),
            signer(trader),
        )
