"""Pools of Raydium CP-Swap."""

from __future__ import annotations

from collections.abc import Iterator

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
from localnet.programs.raydium_cp import (
    AUTHORITY,
    AUTHORITY_BUMP,
    CONFIG,
    ID,
    OBSERVATIONS,
    POOL,
    state,
)
from localnet.programs.records import Record
from localnet.programs.standin import Clock, Reader
from order_engine.dex.pool import Pool

_SWAP_BASE_INPUT = bytes.fromhex("8fbe5adac41e33de")
_LP_DECIMALS = 9
_LP_SUPPLY = 10**15


class RaydiumCpPool(MarketPool):
    """`fee_rate` is in millionths; pools with one fee rate share the config with this index."""

    kind = "raydium_cp"
    program = ID

    def __init__(self, pair: Pair | Reserves, config_index: int, fee_rate: int) -> None:
        super().__init__(pair)
        self._config_index, self._fee_rate = config_index, fee_rate
        mint_0, mint_1 = (token.mint for token in self.tokens)
        self.config, self._config_bump = Pubkey.find_program_address(
            [b"amm_config", config_index.to_bytes(2, "big")], ID
        )
        self.address = self.derived(b"pool", self.config, mint_0, mint_1)
        self.vaults = (
            self.derived(b"pool_vault", self.address, mint_0),
            self.derived(b"pool_vault", self.address, mint_1),
        )
        self.observation = self.derived(b"observation", self.address)
        self.lp_mint = self.derived(b"pool_lp_mint", self.address)

    def accounts(self) -> Iterator[tuple[Pubkey, Account]]:
        token_0, token_1 = self.tokens
        config = Record.new(
            CONFIG,
            bump=self._config_bump,
            index=self._config_index,
            trade_fee_rate=self._fee_rate,
            protocol_fee_rate=120_000,
            fund_fee_rate=40_000,
        )
        pool = Record.new(
            POOL,
            config=self.config,
            vault_0=self.vaults[0],
            vault_1=self.vaults[1],
            lp_mint=self.lp_mint,
            mint_0=token_0.mint,
            mint_1=token_1.mint,
            token_program_0=TOKEN,
            token_program_1=TOKEN,
            observation=self.observation,
            authority_bump=AUTHORITY_BUMP,
            lp_decimals=_LP_DECIMALS,
            decimals_0=token_0.decimals,
            decimals_1=token_1.decimals,
            lp_supply=_LP_SUPPLY,
        )
        yield self.config, owned(ID, config.data())
        yield self.address, owned(ID, pool.data())
        yield self.observation, owned(ID, Record.new(OBSERVATIONS, pool=self.address).data())
        yield self.lp_mint, mint_account(AUTHORITY, _LP_SUPPLY, _LP_DECIMALS)
        for vault, token, held in zip(self.vaults, self.tokens, self.pair.amounts, strict=True):
            yield vault, token_account(token.mint, AUTHORITY, held)

    def state(self, read: Reader, clock: Clock) -> Pool:
        amounts = amount(read, self.vaults[0]), amount(read, self.vaults[1])
        return state(record(read, self.address, POOL), record(read, self.config, CONFIG), amounts)

    def swap(self, trader: Pubkey, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        at = route(self, trader, a_to_b)
        return self.instruction(
            _SWAP_BASE_INPUT + u64s(amount_in, min_out),
            signer(trader),
            readonly(AUTHORITY),
            readonly(self.config),
            writable(self.address),
            writable(at.source),
            writable(at.destination),
            writable(at.vault_in),
            writable(at.vault_out),
            readonly(TOKEN),
            readonly(TOKEN),
            readonly(at.mint_in),
            readonly(at.mint_out),
            writable(self.observation),
        )
