"""Meteora DAMM v2 (cp-amm), in pools whose fee does not depend on the amount, and does not compound.

Source: MeteoraAg/damm-v2, programs/cp-amm/src/state/{pool,fee}.rs, base_fee/*.rs, instructions/swap/ix_swap.rs and
error.rs.
"""

from __future__ import annotations

from struct import pack
from typing import Any, NamedTuple

from order_engine.dex.errors import CorruptState
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_damm_v2_fees import (
    Schedule,
    dynamic_fee_numerator,
    periods_by_market_cap,
    total_fee_numerator,
)
from order_engine.domain.errors import CorruptPool, EngineError, QuoteExpired, SlippageExceeded, UnsupportedPool
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import TOKEN, TOKEN_2022, Address, derived
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.layouts import ADDRESS, Layout, anchor_discriminator
from order_engine.solana.programs.pool_accounts import (
    checked,
    extensible,
    fields,
    read,
    refuse_empty,
    refuse_extensions,
)
from order_engine.solana.programs.program import Program, Trader

POOL = Layout(
    "a DAMM v2 pool",
    anchor_discriminator("account", "Pool"),
    ("cliff_fee_numerator", "u64"),
    ("base_fee_mode", "u8"),
    ("_", 5),
    ("number_of_period", "u16"),
    ("period_frequency", "u64"),
    ("reduction_factor", "u64"),
    ("_", 8),
    ("protocol_fee_percent", "u8"),
    ("_", 7),
    ("dynamic_fee_initialized", "u8"),
    ("_", 11),
    ("dynamic_variable_fee_control", "u32"),
    ("dynamic_bin_step", "u16"),
    ("_", 46),
    ("dynamic_volatility_accumulator", "u128"),
    ("_", 16),
    ("init_sqrt_price", "u128"),
    ("token_a_mint", ADDRESS),
    ("token_b_mint", ADDRESS),
    ("token_a_vault", ADDRESS),
    ("token_b_vault", ADDRESS),
    ("_", 64),
    ("liquidity", "u128"),
    ("_", 48),
    ("sqrt_min_price", "u128"),
    ("sqrt_max_price", "u128"),
    ("sqrt_price", "u128"),
    ("activation_point", "u64"),
    ("activation_type", "u8"),
    ("pool_status", "u8"),
    ("token_a_flag", "u8"),
    ("token_b_flag", "u8"),
    ("collect_fee_mode", "u8"),
    ("_", 1),
    ("fee_version", "u8"),
    ("_", 625),
)
ENABLED = 0
BY_SLOT, BY_TIME = 0, 1
COMPOUNDING = 2

LINEAR_BY_TIME, EXPONENTIAL_BY_TIME, RATE_LIMITER, LINEAR_BY_MARKET_CAP, EXPONENTIAL_BY_MARKET_CAP = range(5)
"""`BaseFeeMode`."""

TOKEN_PROGRAMS = TOKEN, TOKEN_2022
"""By `token_a_flag` and `token_b_flag`."""

SWAP = anchor_discriminator("global", "swap")
SWAP_2 = anchor_discriminator("global", "swap2")
EXACT_OUT = b"\2"
"""The `swap_mode` of `swap2` in which the first amount is the output, and the second the most to pay for it."""

CODES = {
    6002: "ExceededSlippage",
    6003: "PoolDisabled",
    6006: "AmountIsZero",
    6015: "PriceRangeViolation",
    6023: "InsufficientLiquidity",
    6049: "FailToValidateSingleSwapInstruction",
}
ERRORS: dict[str, type[EngineError]] = {
    "ExceededSlippage": SlippageExceeded,
    "PoolDisabled": QuoteExpired,
    "PriceRangeViolation": QuoteExpired,
    "InsufficientLiquidity": QuoteExpired,
}


class DammV2Pool(NamedTuple):
    """A pool. The fee of its state is that of the next swap."""

    program: DammV2
    address: Address
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    token_programs: tuple[Address, Address]
    state: MeteoraDammV2

    @property
    def authority(self) -> Address:
        return self.program.authority

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        return self._instruction(trader, SWAP + pack("<QQ", amount_in, min_out))

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        return self._instruction(trader, SWAP_2 + pack("<QQ", amount_out, max_in) + EXACT_OUT)

    def _instruction(self, trader: Trader, data: bytes) -> Instruction:
        """The direction follows from the mints of the trader's token accounts."""
        accounts = (
            AccountMeta(self.authority),
            AccountMeta(self.address, writable=True),
            AccountMeta(trader.source, writable=True),
            AccountMeta(trader.destination, writable=True),
            *[AccountMeta(vault, writable=True) for vault in self.vaults],
            *map(AccountMeta, self.mints),
            AccountMeta(trader.owner, signer=True),
            *map(AccountMeta, self.token_programs),
            AccountMeta(self.program.id),  # no account for referral fees
            AccountMeta(self.program.event_authority),
            AccountMeta(self.program.id),
        )
        return Instruction(self.program.id, accounts, data)


class DammV2(Program):
    name = "Meteora DAMM v2"
    venue = "meteora"
    kind = MeteoraDammV2.kind
    pool_size = POOL.size
    discriminator = POOL.discriminator
    mint_offsets = POOL.offsets["token_a_mint"], POOL.offsets["token_b_mint"]
    errors = ERRORS
    codes = CODES

    def __init__(self, id: Address) -> None:
        self.id = id
        self.authority = derived(id, b"pool_authority")
        """The owner of all vaults."""
        self.event_authority = derived(id, b"__event_authority")

    def companions(self, address: Address, data: bytes) -> list[Address]:
        pool = fields(POOL, data)
        return extensible((pool["token_a_mint"], pool["token_b_mint"]), _token_programs(pool))

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> DammV2Pool:
        pool = read(accounts, address, self.id, POOL)
        active = _time_active(pool, clock)
        if pool["collect_fee_mode"] == COMPOUNDING:
            raise UnsupportedPool("expected fees apart from the liquidity, was fees that compound")
        mints = pool["token_a_mint"], pool["token_b_mint"]
        token_programs = _token_programs(pool)
        refuse_extensions(accounts, extensible(mints, token_programs))
        refuse_empty(pool["liquidity"])
        state = {
            "sqrt_price": pool["sqrt_price"],
            "liquidity": pool["liquidity"],
            "base_fee_numerator": checked(_fee_numerator, pool, active),
            "protocol_fee_percent": pool["protocol_fee_percent"],
            "collect_fee_mode": pool["collect_fee_mode"],
            "sqrt_min_price": pool["sqrt_min_price"],
            "sqrt_max_price": pool["sqrt_max_price"],
        }
        vaults = pool["token_a_vault"], pool["token_b_vault"]
        return DammV2Pool(self, address, mints, vaults, token_programs, checked(MeteoraDammV2.from_json, state))


def _token_programs(pool: dict[str, Any]) -> tuple[Address, Address]:
    flags = pool["token_a_flag"], pool["token_b_flag"]
    for flag in flags:
        if flag >= len(TOKEN_PROGRAMS):
            raise CorruptPool(f"expected a token flag of 0 or 1, was {flag}")
    return TOKEN_PROGRAMS[flags[0]], TOKEN_PROGRAMS[flags[1]]


def _time_active(pool: dict[str, Any], clock: Clock) -> int:
    """The slots or seconds since the pool's activation.

    Raises `UnsupportedPool` for a pool that is disabled or not active yet: `PermissionlessActionAccess`.
    """
    if pool["pool_status"] != ENABLED:
        raise UnsupportedPool(f"expected an enabled pool, was status {pool['pool_status']}")
    if pool["activation_type"] not in (BY_SLOT, BY_TIME):
        raise CorruptPool(f"expected an activation by slot (0) or by time (1), was {pool['activation_type']}")
    now = clock.slot if pool["activation_type"] == BY_SLOT else clock.unix_timestamp
    if now < pool["activation_point"]:
        raise UnsupportedPool(f"expected a pool that is active at {now}, was {pool['activation_point']}")
    active: int = now - pool["activation_point"]
    return active


def _fee_numerator(pool: dict[str, Any], active: int) -> int:
    """The fee of the next swap, in billionths: `get_total_fee_numerator`.

    Raises `CorruptState`, and `UnsupportedPool` for a fee that depends on the amount.
    """
    schedule = Schedule(
        pool["base_fee_mode"] in (EXPONENTIAL_BY_TIME, EXPONENTIAL_BY_MARKET_CAP),
        pool["cliff_fee_numerator"],
        pool["number_of_period"],
        pool["reduction_factor"],
    )
    base = schedule.fee_numerator(_periods(pool, active))
    dynamic = 0
    if pool["dynamic_fee_initialized"]:
        volatility = pool["dynamic_volatility_accumulator"]
        dynamic = dynamic_fee_numerator(volatility, pool["dynamic_bin_step"], pool["dynamic_variable_fee_control"])
    return total_fee_numerator(base, dynamic, pool["fee_version"])


def _periods(pool: dict[str, Any], active: int) -> int:
    """The periods by which the base fee has fallen."""
    mode, frequency = pool["base_fee_mode"], pool["period_frequency"]
    if mode in (LINEAR_BY_TIME, EXPONENTIAL_BY_TIME):
        return active // frequency if frequency else 0
    # The other modes keep two numbers where a time scheduler keeps the length of a period.
    high, low = divmod(frequency, 1 << 32)
    if mode == RATE_LIMITER:
        limited = frequency or pool["number_of_period"] or pool["reduction_factor"]
        if limited and active <= low:
            raise UnsupportedPool(f"expected a fee for any amount, was a rate limiter for {low - active} more")
        return 0
    if mode not in (LINEAR_BY_MARKET_CAP, EXPONENTIAL_BY_MARKET_CAP):
        raise CorruptState("base_fee_mode", f"at most {EXPONENTIAL_BY_MARKET_CAP}", mode)
    if active > high:
        periods: int = pool["number_of_period"]
        return periods
    return periods_by_market_cap(pool["sqrt_price"], pool["init_sqrt_price"], low)
