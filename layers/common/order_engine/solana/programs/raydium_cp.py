"""Raydium CP-Swap.

Source: raydium-io/raydium-cp-swap, programs/cp-swap/src/states/{pool,config}.rs, instructions/swap_base_input.rs and
swap_base_output.rs, error.rs.
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.domain.errors import EngineError, QuoteExpired, SlippageExceeded, UnsupportedPool
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import Address, derived
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.layouts import ADDRESS, Layout, anchor_discriminator
from order_engine.solana.programs.pool_accounts import (
    balance,
    checked,
    extensible,
    fields,
    read,
    refuse_empty,
    refuse_extensions,
)
from order_engine.solana.programs.program import Program, Trader

POOL = Layout(
    "a CP-Swap pool",
    anchor_discriminator("account", "PoolState"),
    ("amm_config", ADDRESS),
    ("_", 32),
    ("token_0_vault", ADDRESS),
    ("token_1_vault", ADDRESS),
    ("_", 32),
    ("token_0_mint", ADDRESS),
    ("token_1_mint", ADDRESS),
    ("token_0_program", ADDRESS),
    ("token_1_program", ADDRESS),
    ("observation_key", ADDRESS),
    ("_", 1),
    ("status", "u8"),
    ("_", 11),
    ("protocol_fees_token_0", "u64"),
    ("protocol_fees_token_1", "u64"),
    ("fund_fees_token_0", "u64"),
    ("fund_fees_token_1", "u64"),
    ("open_time", "u64"),
    ("_", 8),
    ("creator_fee_on", "u8"),
    ("enable_creator_fee", "u8"),
    ("_", 6),
    ("creator_fees_token_0", "u64"),
    ("creator_fees_token_1", "u64"),
    ("_", 224),
)
SWAP_DISABLED = 4
"""The bit of `status` that forbids swaps."""

CONFIG = Layout(
    "a CP-Swap configuration",
    anchor_discriminator("account", "AmmConfig"),
    ("_", 4),
    ("trade_fee_rate", "u64"),
    ("protocol_fee_rate", "u64"),
    ("fund_fee_rate", "u64"),
    ("_", 72),
    ("creator_fee_rate", "u64"),
    ("_", 120),
)

SWAP_BASE_INPUT = anchor_discriminator("global", "swap_base_input")
SWAP_BASE_OUTPUT = anchor_discriminator("global", "swap_base_output")

CODES = {
    2505: "RequireGtViolated",
    6000: "NotApproved",
    6003: "InvalidInput",
    6005: "ExceededSlippage",
    6006: "ZeroTradingTokens",
    6008: "InvalidVault",
    6011: "MathOverflow",
    6012: "InsufficientVault",
}
ERRORS: dict[str, type[EngineError]] = {
    "ExceededSlippage": SlippageExceeded,
    # The output must be above zero, and every swap asks for one base unit at least.
    "RequireGtViolated": SlippageExceeded,
    "NotApproved": QuoteExpired,
    "InsufficientVault": QuoteExpired,
}


class CpSwapPool(NamedTuple):
    """A pool. Token a is token 0, token b is token 1."""

    program: CpSwap
    address: Address
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    token_programs: tuple[Address, Address]
    state: RaydiumCp
    config: Address
    observation: Address

    @property
    def authority(self) -> Address:
        return self.program.authority

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        return self._instruction(trader, a_to_b, SWAP_BASE_INPUT + pack("<QQ", amount_in, min_out))

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        return self._instruction(trader, a_to_b, SWAP_BASE_OUTPUT + pack("<QQ", max_in, amount_out))

    def _instruction(self, trader: Trader, a_to_b: bool, data: bytes) -> Instruction:
        taken, paid = (0, 1) if a_to_b else (1, 0)
        accounts = (
            AccountMeta(trader.owner, signer=True),
            AccountMeta(self.authority),
            AccountMeta(self.config),
            AccountMeta(self.address, writable=True),
            AccountMeta(trader.source, writable=True),
            AccountMeta(trader.destination, writable=True),
            AccountMeta(self.vaults[taken], writable=True),
            AccountMeta(self.vaults[paid], writable=True),
            AccountMeta(self.token_programs[taken]),
            AccountMeta(self.token_programs[paid]),
            AccountMeta(self.mints[taken]),
            AccountMeta(self.mints[paid]),
            AccountMeta(self.observation, writable=True),
        )
        return Instruction(self.program.id, accounts, data)


class CpSwap(Program):
    name = "Raydium CP-Swap"
    venue = "raydium"
    kind = RaydiumCp.kind
    pool_size = POOL.size
    discriminator = POOL.discriminator
    mint_offsets = POOL.offsets["token_0_mint"], POOL.offsets["token_1_mint"]
    sorts_mints = True
    errors = ERRORS
    codes = CODES

    def __init__(self, id: Address) -> None:
        self.id = id
        self.authority = derived(id, b"vault_and_lp_mint_auth_seed")
        """The owner of all vaults."""

    def companions(self, address: Address, data: bytes) -> list[Address]:
        pool = fields(POOL, data)
        mints = pool["token_0_mint"], pool["token_1_mint"]
        token_programs = pool["token_0_program"], pool["token_1_program"]
        vaults = pool["token_0_vault"], pool["token_1_vault"]
        return [pool["amm_config"], *vaults, *extensible(mints, token_programs)]

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> CpSwapPool:
        pool = read(accounts, address, self.id, POOL)
        if pool["status"] & SWAP_DISABLED:
            raise UnsupportedPool(f"expected a pool that allows swaps, was status {pool['status']}")
        if clock.unix_timestamp < pool["open_time"]:
            raise UnsupportedPool(f"expected a pool that is open at {clock.unix_timestamp}, was {pool['open_time']}")
        config = read(accounts, pool["amm_config"], self.id, CONFIG)
        mints = pool["token_0_mint"], pool["token_1_mint"]
        vaults = pool["token_0_vault"], pool["token_1_vault"]
        token_programs = pool["token_0_program"], pool["token_1_program"]
        refuse_extensions(accounts, extensible(mints, token_programs))
        reserves = [
            balance(accounts, vault, mint, self.authority, token_program)
            - pool[f"protocol_fees_token_{token}"]
            - pool[f"fund_fees_token_{token}"]
            - pool[f"creator_fees_token_{token}"]
            for token, (vault, mint, token_program) in enumerate(zip(vaults, mints, token_programs, strict=True))
        ]
        refuse_empty(*reserves)
        state = {
            "reserve_a": reserves[0],
            "reserve_b": reserves[1],
            "trade_fee_rate": config["trade_fee_rate"],
            "protocol_fee_rate": config["protocol_fee_rate"],
            "fund_fee_rate": config["fund_fee_rate"],
            "creator_fee_rate": config["creator_fee_rate"] if pool["enable_creator_fee"] else 0,
            "creator_fee_on": pool["creator_fee_on"],
        }
        return CpSwapPool(
            self,
            address,
            mints,
            vaults,
            token_programs,
            checked(RaydiumCp.from_json, state),
            pool["amm_config"],
            pool["observation_key"],
        )
