"""A stand-in for Meteora DAMM v2: `swap` and `swap2`, for pools of constant liquidity.

Source: MeteoraAg/damm-v2, programs/cp-amm/src/instructions/swap and state/pool.rs of version 0.2.0. Swaps with a
referral fail.
"""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.addresses import TOKEN_PROGRAMS
from localnet.dex_programs import METEORA_DAMM_V2
from localnet.programs.anchor import (
    ADDRESS,
    DISCRIMINATOR_MISMATCH,
    HAS_ONE,
    NOT_INITIALIZED,
    SEEDS,
    TOKEN_MINT,
    TOKEN_PROGRAM,
    WRONG_OWNER,
    AnchorError,
    Call,
    Entry,
    anchor_program,
)
from localnet.programs.meteora_damm_v2_fees import fee_numerator, settle_volatility
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Clock, InstructionFailed, Outcome, Transfer, invalid_account_data
from localnet.programs.tokens import token_account
from order_engine.dex.errors import LiquidityExhausted
from order_engine.dex.meteora_damm_v2 import (
    FEE_DENOMINATOR,
    MeteoraDammV2,
    delta_a,
    delta_b,
    price_after_input,
    price_after_output,
)
from order_engine.dex.rounding import U64_MAX, ceil_div

ID = METEORA_DAMM_V2.id
AUTHORITY, _ = Pubkey.find_program_address([b"pool_authority"], ID)
EVENT_AUTHORITY, _ = Pubkey.find_program_address([b"__event_authority"], ID)

POOL = Layout(
    1112,
    "f19a6d0411b16dbc",
    cliff_fee_numerator=(8, "u64"),
    base_fee_mode=(16, "u8"),
    number_of_period=(22, "u16"),
    period_frequency=(24, "u64"),
    period_frequency_low=(24, "u32"),
    period_frequency_high=(28, "u32"),
    reduction_factor=(32, "u64"),
    protocol_fee_percent=(48, "u8"),
    referral_fee_percent=(50, "u8"),
    dynamic_fee=(56, "u8"),
    max_volatility_accumulator=(64, "u32"),
    variable_fee_control=(68, "u32"),
    dynamic_bin_step=(72, "u16"),
    filter_period=(74, "u16"),
    decay_period=(76, "u16"),
    dynamic_reduction_factor=(78, "u16"),
    last_update_timestamp=(80, "u64"),
    bin_step_u128=(88, "u128"),
    sqrt_price_reference=(104, "u128"),
    volatility_accumulator=(120, "u128"),
    volatility_reference=(136, "u128"),
    init_sqrt_price=(152, "u128"),
    mint_a=(168, "key"),
    mint_b=(200, "key"),
    vault_a=(232, "key"),
    vault_b=(264, "key"),
    liquidity=(360, "u128"),
    protocol_a_fee=(392, "u64"),
    protocol_b_fee=(400, "u64"),
    sqrt_min_price=(424, "u128"),
    sqrt_max_price=(440, "u128"),
    sqrt_price=(456, "u128"),
    activation_point=(472, "u64"),
    activation_type=(480, "u8"),
    pool_status=(481, "u8"),
    token_a_flag=(482, "u8"),
    token_b_flag=(483, "u8"),
    collect_fee_mode=(484, "u8"),
    pool_type=(485, "u8"),
    fee_version=(486, "u8"),
    fee_a_per_liquidity=(488, "u256"),
    fee_b_per_liquidity=(520, "u256"),
    permanent_lock_liquidity=(552, "u128"),
    total_lp_a_fee=(568, "u128"),
    total_lp_b_fee=(584, "u128"),
    total_protocol_a_fee=(600, "u64"),
    total_protocol_b_fee=(608, "u64"),
    total_position=(632, "u64"),
    creator=(648, "key"),
    token_a_amount=(680, "u64"),
    token_b_amount=(688, "u64"),
    layout_version=(696, "u8"),
)

_BY_SLOT = 0
EXACT_IN, PARTIAL_FILL, EXACT_OUT = range(3)

MATH_OVERFLOW = AnchorError(6000, "MathOverflow", "Math operation overflow")
EXCEEDED_SLIPPAGE = AnchorError(6002, "ExceededSlippage", "Exceeded slippage tolerance")
POOL_DISABLED = AnchorError(6003, "PoolDisabled", "Pool disabled")
AMOUNT_IS_ZERO = AnchorError(6006, "AmountIsZero", "Amount is zero")
TYPE_CAST_FAILED = AnchorError(6007, "TypeCastFailed", "Type cast error")
PRICE_RANGE_VIOLATION = AnchorError(6015, "PriceRangeViolation", "Trade is over price range")
INVALID_INPUT = AnchorError(6018, "InvalidInput", "Invalid input")

_SWAP = "programs/cp-amm/src/instructions/swap"
_HELPER = "programs/cp-amm/src/utils/p_helper.rs"
_ACCOUNTS = (
    "pool_authority",
    "pool",
    "input_token_account",
    "output_token_account",
    "token_a_vault",
    "token_b_vault",
    "token_a_mint",
    "token_b_mint",
    "payer",
    "token_a_program",
    "token_b_program",
    "referral_token_account",
    "event_authority",
    "program",
)


class _Result(NamedTuple):
    """A swap: what the trader pays and receives, the input and the output without fee, and the price after it."""

    amount_in: int
    amount_out: int
    net_in: int
    gross_out: int
    next_price: int


def _swap(call: Call) -> Outcome:
    amount_in, min_out = call.arguments
    return _carry_out(call, amount_in, min_out, EXACT_IN)


def _swap2(call: Call) -> Outcome:
    amount, threshold, mode = call.arguments
    return _carry_out(call, amount, threshold, mode)


def _carry_out(call: Call, amount: int, threshold: int, mode: int) -> Outcome:
    pool = _checked(call)
    if mode not in (EXACT_IN, PARTIAL_FILL, EXACT_OUT):
        raise INVALID_INPUT.occurred()
    if not amount:
        raise AMOUNT_IS_ZERO.thrown_in(f"{_SWAP}/ix_p_swap.rs:127")
    a_to_b = _mint(call, "input_token_account") == call["token_a_mint"]
    before = state(pool, call.clock)
    try:
        result = _exact_out(before, amount, a_to_b) if mode == EXACT_OUT else _input(before, amount, a_to_b, mode)
    except LiquidityExhausted:
        raise PRICE_RANGE_VIOLATION.occurred() from None
    if max(result.amount_in, result.gross_out) > U64_MAX:
        raise TYPE_CAST_FAILED.occurred()
    if mode == EXACT_OUT and result.amount_in > threshold:
        raise EXCEEDED_SLIPPAGE.thrown_in(f"{_SWAP}/swap_exact_out.rs:47")
    if mode != EXACT_OUT and result.amount_out < threshold:
        raise EXCEEDED_SLIPPAGE.thrown_in(f"{_SWAP}/swap_exact_in.rs:45")
    _settle(pool, before, result, a_to_b)
    settle_volatility(pool, before.sqrt_price, call.clock.unix_timestamp)
    vault_in, vault_out = call["token_a_vault"], call["token_b_vault"]
    if not a_to_b:
        vault_in, vault_out = vault_out, vault_in
    return Outcome(
        (
            Transfer(call["input_token_account"], vault_in, result.amount_in, call["payer"]),
            Transfer(vault_out, call["output_token_account"], result.amount_out, AUTHORITY),
        ),
        {call["pool"]: pool.data()},
        (),
    )


def _checked(call: Call) -> Record:
    """The pool, after the checks of the instruction's accounts. Raises `ProgramError`, `InstructionFailed`."""
    if call["pool_authority"] != AUTHORITY:
        raise ADDRESS.thrown_in(f"{_SWAP}/ix_swap.rs:129")
    account = call.read(call["pool"])
    if account is None or account.owner != ID:
        raise WRONG_OWNER.thrown_in(f"{_HELPER}:74")
    if not account.data.startswith(POOL.discriminator) or len(account.data) < POOL.size:
        raise DISCRIMINATOR_MISMATCH.occurred()
    pool = Record.of(POOL, account.data)
    if (call["token_a_vault"], call["token_b_vault"]) != (pool.key("vault_a"), pool.key("vault_b")):
        raise HAS_ONE.thrown_in(f"{_SWAP}/ix_swap.rs:135")
    for name in ("input_token_account", "output_token_account"):
        _mint(call, name)
    for name, program_line, mint_line in (("a", 153, 168), ("b", 160, 175)):
        vault = call.read(call[f"token_{name}_vault"])
        if vault and vault.owner != call[f"token_{name}_program"]:
            raise TOKEN_PROGRAM.thrown_in(f"{_SWAP}/ix_swap.rs:{program_line}")
        if _mint(call, f"token_{name}_vault") != call[f"token_{name}_mint"]:
            raise TOKEN_MINT.thrown_in(f"{_SWAP}/ix_swap.rs:{mint_line}")
    if call["event_authority"] != EVENT_AUTHORITY:
        raise SEEDS.thrown_in(f"{_SWAP}/ix_swap.rs:190")
    if pool["pool_status"] or _point(pool, call.clock) < pool["activation_point"]:
        raise POOL_DISABLED.thrown_in(f"{_SWAP}/ix_p_swap.rs:83")
    if call["referral_token_account"] != ID:
        raise InstructionFailed("ProgramFailedToComplete", "the stand-in pays no referrals", ())
    return pool


def _mint(call: Call, name: str) -> Pubkey:
    """The mint of a token account. Raises `ProgramError`, `InstructionFailed`."""
    account = call.read(call[name])
    if account is None:
        raise NOT_INITIALIZED.thrown_in(f"{_HELPER}:143")
    if account.owner not in TOKEN_PROGRAMS:
        raise WRONG_OWNER.occurred()
    found = token_account(account)
    if found is None:
        raise invalid_account_data()
    return found.mint


def _point(pool: Record, clock: Clock) -> int:
    """The slot or the seconds, by which the pool measures time."""
    return clock.slot if pool["activation_type"] == _BY_SLOT else clock.unix_timestamp


def state(pool: Record, clock: Clock) -> MeteoraDammV2:
    """The pool as the quote maths has it, with the fee of its next swap. Raises `InstructionFailed`."""
    return MeteoraDammV2(
        pool["sqrt_price"],
        pool["liquidity"],
        fee_numerator(pool, _point(pool, clock) - pool["activation_point"]),
        pool["protocol_fee_percent"],
        pool["collect_fee_mode"],
        pool["sqrt_min_price"],
        pool["sqrt_max_price"],
    )


def _input(state: MeteoraDammV2, amount: int, a_to_b: bool, mode: int) -> _Result:
    """`get_swap_result_from_exact_input` and `…_partial_input`. An output of zero is none of its errors.

    Raises `LiquidityExhausted` beyond the price range, unless the input may be used in part.
    """
    on_input = state.fee_on_input(a_to_b)
    amount_in, net_in = amount, amount - _fee(state, amount) if on_input else amount
    next_price = price_after_input(state.sqrt_price, state.liquidity, net_in, a_to_b)
    end = state.sqrt_min_price if a_to_b else state.sqrt_max_price
    if (next_price < end) if a_to_b else (next_price > end):
        if mode != PARTIAL_FILL:
            raise LiquidityExhausted(f"expected a square-root price up to {end}, was {next_price}")
        next_price = end
        net_in = _delta(state, end, of_a=a_to_b, round_up=True)
        amount_in = _with_fee(state, net_in) if on_input else net_in
    gross_out = _delta(state, next_price, of_a=not a_to_b, round_up=False)
    amount_out = gross_out if on_input else gross_out - _fee(state, gross_out)
    return _Result(amount_in, amount_out, net_in, gross_out, next_price)


def _exact_out(state: MeteoraDammV2, amount_out: int, a_to_b: bool) -> _Result:
    """`get_swap_result_from_exact_output`. Raises `LiquidityExhausted` beyond the price range, `ProgramError`."""
    on_input = state.fee_on_input(a_to_b)
    gross_out = amount_out if on_input else _with_fee(state, amount_out)
    try:
        next_price = price_after_output(state.sqrt_price, state.liquidity, gross_out, a_to_b)
    except LiquidityExhausted:
        next_price = 0
    if next_price <= 0:
        raise MATH_OVERFLOW.occurred()
    if not state.sqrt_min_price <= next_price <= state.sqrt_max_price:
        raise LiquidityExhausted(f"expected a square-root price within the pool's range, was {next_price}")
    net_in = _delta(state, next_price, of_a=a_to_b, round_up=True)
    return _Result(_with_fee(state, net_in) if on_input else net_in, amount_out, net_in, gross_out, next_price)


def _delta(state: MeteoraDammV2, price: int, of_a: bool, round_up: bool) -> int:
    """The base units of a or of b between the pool's square-root price and another."""
    low, high = sorted((state.sqrt_price, price))
    return (delta_a if of_a else delta_b)(low, high, state.liquidity, round_up)


def _fee(state: MeteoraDammV2, amount: int) -> int:
    return ceil_div(amount * state.base_fee_numerator, FEE_DENOMINATOR)


def _with_fee(state: MeteoraDammV2, net: int) -> int:
    return ceil_div(net * FEE_DENOMINATOR, FEE_DENOMINATOR - state.base_fee_numerator)


def _settle(pool: Record, state: MeteoraDammV2, result: _Result, a_to_b: bool) -> None:
    """`apply_swap_result`."""
    on_input = state.fee_on_input(a_to_b)
    fee = result.amount_in - result.net_in if on_input else result.gross_out - result.amount_out
    protocol = fee * state.protocol_fee_percent // 100
    token_in, token_out = ("a", "b") if a_to_b else ("b", "a")
    paid_in = token_in if on_input else token_out
    pool[f"protocol_{paid_in}_fee"] += protocol
    pool[f"total_protocol_{paid_in}_fee"] += protocol
    pool[f"total_lp_{paid_in}_fee"] += fee - protocol
    pool[f"fee_{paid_in}_per_liquidity"] += (fee - protocol << 128) // state.liquidity
    pool[f"token_{token_in}_amount"] += result.net_in
    pool[f"token_{token_out}_amount"] -= result.gross_out
    pool["sqrt_price"] = result.next_price


standin = anchor_program(
    ID,
    {
        "f8c69e91e17587c8": Entry("Swap", _ACCOUNTS, "<QQ", _swap),
        "414b3f4ceb5b5b88": Entry("Swap2", _ACCOUNTS, "<QQB", _swap2),
    },
)
