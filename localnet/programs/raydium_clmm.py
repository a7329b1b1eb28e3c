"""A stand-in for Raydium CLMM: `swap_v2`, and `swap`, its form without Token-2022.

Source: raydium-io/raydium-clmm, programs/amm/src/instructions/{swap,swap_v2}.rs of March 2025: older than limit orders,
fees on one token and dynamic fees. Rewards are not accrued.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from localnet.addresses import MEMO, TOKEN, TOKEN_2022
from localnet.dex_programs import RAYDIUM_CLMM
from localnet.programs.anchor import ADDRESS, REQUIRE_EQ, REQUIRE_GT, AnchorError, Call, Entry, anchor_program
from localnet.programs.observations import observe
from localnet.programs.raydium_clmm_ticks import TickArrays, ticks_of
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Outcome, Transfer
from order_engine.dex.errors import DexError
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import (
    FEE_RATE_DENOMINATOR,
    MAX_SQRT_PRICE,
    MIN_SQRT_PRICE,
    compute_swap,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)

ID = RAYDIUM_CLMM.id

POOL = Layout(
    1544,
    "f7ede3f5d7c3de46",
    bump=(8, "u8"),
    config=(9, "key"),
    owner=(41, "key"),
    mint_0=(73, "key"),
    mint_1=(105, "key"),
    vault_0=(137, "key"),
    vault_1=(169, "key"),
    observation=(201, "key"),
    decimals_0=(233, "u8"),
    decimals_1=(234, "u8"),
    tick_spacing=(235, "u16"),
    liquidity=(237, "u128"),
    sqrt_price=(253, "u128"),
    tick_current=(269, "i32"),
    fee_growth_global_0=(277, "u128"),
    fee_growth_global_1=(293, "u128"),
    protocol_fees_0=(309, "u64"),
    protocol_fees_1=(317, "u64"),
    swap_in_0=(325, "u128"),
    swap_out_1=(341, "u128"),
    swap_in_1=(357, "u128"),
    swap_out_0=(373, "u128"),
    status=(389, "u8"),
    tick_array_bitmap=(904, 128),
    total_fees_0=(1032, "u64"),
    total_fees_1=(1048, "u64"),
    fund_fees_0=(1064, "u64"),
    fund_fees_1=(1072, "u64"),
    open_time=(1080, "u64"),
    recent_epoch=(1088, "u64"),
)
CONFIG = Layout(
    117,
    "daf42168cbcb2b6f",
    bump=(8, "u8"),
    index=(9, "u16"),
    protocol_fee_rate=(43, "u32"),
    trade_fee_rate=(47, "u32"),
    tick_spacing=(51, "u16"),
    fund_fee_rate=(53, "u32"),
)
OBSERVATIONS = Layout(
    4483,
    "7aaec5358109a584",
    initialized=(8, "u8"),
    recent_epoch=(9, "u64"),
    observation_index=(17, "u16"),
    pool=(19, "key"),
    observations=(51, 4400),
)
OBSERVATION = Layout(44, block_timestamp=(0, "u32"), tick_cumulative=(4, "i64"))

_SWAP_DISABLED = 16
_ALL_DISABLED = 255

NOT_APPROVED = AnchorError(6001, "NotApproved", "Not approved")
PRICE_LIMIT_OVERFLOW = AnchorError(6013, "SqrtPriceLimitOverflow", "Square root price limit overflow")
TOO_LITTLE_OUTPUT = AnchorError(6022, "TooLittleOutputReceived", "Too little output received")
TOO_MUCH_INPUT = AnchorError(6023, "TooMuchInputPaid", "Too much input paid")
ZERO_AMOUNT = AnchorError(6024, "ZeroAmountSpecified", "Swap special amount can not be zero")
INVALID_VAULT = AnchorError(6025, "InvalidInputPoolVault", "Input pool vault is invalid")
TOO_SMALL = AnchorError(6026, "TooSmallInputOrOutputAmount", "Swap input or output amount is too small")
CALCULATE_OVERFLOW = AnchorError(6043, "CalculateOverflow", "calculate overflow")

_HEAD = (
    "payer",
    "amm_config",
    "pool_state",
    "input_token_account",
    "output_token_account",
    "input_vault",
    "output_vault",
    "observation_state",
    "token_program",
)
_TAIL = ("token_program_2022", "memo_program", "input_vault_mint", "output_vault_mint")


@dataclass(slots=True)
class _Swap:
    """`SwapState`: a swap on its way through the ranges between ticks.

    `remaining` is of the specified amount, `calculated` of the other. `fee` goes to the providers.
    """

    remaining: int
    sqrt_price: int
    tick: int
    liquidity: int
    fee_growth: int
    calculated: int = 0
    fee: int = 0
    protocol_fee: int = 0
    fund_fee: int = 0


def _swap(call: Call) -> Outcome:
    amount, threshold, limit_low, limit_high, exact_in = call.arguments
    config, pool = call.record("amm_config", CONFIG, copied=True), call.record("pool_state", POOL)
    _check_accounts(call, pool)
    vault_in, vault_out = call.token_account("input_vault"), call.token_account("output_vault")
    zero_for_one = vault_in.mint == pool.key("mint_0")
    _check_open(call, pool, zero_for_one)
    arrays = TickArrays(call, pool)
    if not amount:
        raise ZERO_AMOUNT.thrown_in("programs/amm/src/instructions/swap.rs:153")
    if pool["status"] & _SWAP_DISABLED:
        raise NOT_APPROVED.thrown_in("programs/amm/src/instructions/swap.rs:155")
    limit = limit_low + (limit_high << 64)
    try:
        swap = _run(pool, config, arrays, amount, limit, zero_for_one, bool(exact_in), call.clock.epoch)
    except DexError:
        raise CALCULATE_OVERFLOW.occurred() from None
    specified = amount - swap.remaining
    paid, received = (specified, swap.calculated) if exact_in else (swap.calculated, specified)
    if not paid or not received:
        raise TOO_SMALL.thrown_in("programs/amm/src/instructions/swap_v2.rs:173")
    if swap.remaining and not limit:
        raise REQUIRE_EQ.occurred()
    if exact_in and received < threshold:
        raise TOO_LITTLE_OUTPUT.thrown_in("programs/amm/src/instructions/swap_v2.rs:353")
    if not exact_in and paid > threshold:
        raise TOO_MUCH_INPUT.thrown_in("programs/amm/src/instructions/swap_v2.rs:359")
    observations = _settle(call, pool, swap, paid, received, zero_for_one)
    if vault_out.amount <= received:
        pool["status"] = _ALL_DISABLED
    return Outcome(
        (
            Transfer(call["input_token_account"], call["input_vault"], paid, call["payer"]),
            Transfer(call["output_vault"], call["output_token_account"], received, call["pool_state"]),
        ),
        {
            call["pool_state"]: pool.data(),
            call["observation_state"]: observations.data(),
            **arrays.changed(),
        },
        (),
    )


def _check_accounts(call: Call, pool: Record) -> None:
    """Raises `ProgramError`."""
    for name in ("input_token_account", "output_token_account"):
        call.token_account(name)
    vaults = call.token_account("input_vault"), call.token_account("output_vault")
    call.record("observation_state", OBSERVATIONS)
    call.check_program("token_program", TOKEN)
    newer = "memo_program" in call.accounts
    if newer:
        call.check_program("token_program_2022", TOKEN_2022)
    mints = [call.mint("input_vault_mint"), call.mint("output_vault_mint")] if newer else []
    if call["amm_config"] != pool.key("config"):
        raise ADDRESS.caused_by("amm_config")
    if call["observation_state"] != pool.key("observation"):
        raise ADDRESS.caused_by("observation_state")
    if newer and call["memo_program"] != MEMO:
        raise ADDRESS.caused_by("memo_program")
    for name, mint, vault in zip(("input", "output"), mints, vaults, strict=False):
        if mint != vault.mint:
            raise ADDRESS.caused_by(f"{name}_vault_mint")


def _check_open(call: Call, pool: Record, zero_for_one: bool) -> None:
    """Raises `ProgramError`."""
    if call.clock.unix_timestamp <= pool["open_time"]:
        raise REQUIRE_GT.thrown_in("programs/amm/src/instructions/swap_v2.rs:116")
    vaults = pool.key("vault_0"), pool.key("vault_1")
    if (call["input_vault"], call["output_vault"]) != (vaults if zero_for_one else vaults[::-1]):
        raise INVALID_VAULT.occurred()


def state(pool: Record, config: Record, arrays: Iterable[Record]) -> RaydiumClmm:
    """The pool with the ticks of these arrays, as the quote maths has it."""
    ticks = (Tick(tick["tick"], tick["liquidity_net"]) for array in arrays for tick in ticks_of(array))
    return RaydiumClmm(
        pool["sqrt_price"],
        pool["tick_current"],
        pool["liquidity"],
        config["trade_fee_rate"],
        config["protocol_fee_rate"],
        config["fund_fee_rate"],
        tuple(sorted(ticks)),
    )


def _run(
    pool: Record,
    config: Record,
    arrays: TickArrays,
    amount: int,
    limit: int,
    zero_for_one: bool,
    exact_in: bool,
    epoch: int,
) -> _Swap:
    """`swap_internal`: from tick to tick until nothing remains or the price is at `limit` (0: none)."""
    token_in = "0" if zero_for_one else "1"
    swap = _Swap(
        amount, pool["sqrt_price"], pool["tick_current"], pool["liquidity"], pool[f"fee_growth_global_{token_in}"]
    )
    limit = limit or (MIN_SQRT_PRICE + 1 if zero_for_one else MAX_SQRT_PRICE - 1)
    bounds = (MIN_SQRT_PRICE, swap.sqrt_price) if zero_for_one else (swap.sqrt_price, MAX_SQRT_PRICE)
    if not bounds[0] < limit < bounds[1]:
        raise PRICE_LIMIT_OVERFLOW.thrown_in("programs/amm/src/instructions/swap.rs:157")
    ticks = arrays.ticks_ahead(swap.tick, zero_for_one)
    while swap.remaining and swap.sqrt_price != limit:
        array, tick = next(ticks)
        at_tick = sqrt_price_at_tick(tick["tick"])
        target = max(at_tick, limit) if zero_for_one else min(at_tick, limit)
        start = swap.sqrt_price
        swap.sqrt_price, net_in, out, fee = compute_swap(
            start, target, swap.liquidity, swap.remaining, config["trade_fee_rate"], exact_in, zero_for_one
        )
        swap.remaining -= net_in + fee if exact_in else out
        swap.calculated += out if exact_in else net_in + fee
        _share(swap, fee, config)
        if swap.sqrt_price == at_tick:
            _cross(pool, tick, swap.fee_growth, zero_for_one)
            array["recent_epoch"] = epoch
            swap.liquidity += -tick["liquidity_net"] if zero_for_one else tick["liquidity_net"]
            swap.tick = tick["tick"] - zero_for_one
        elif swap.sqrt_price != start:
            swap.tick = tick_at_sqrt_price(swap.sqrt_price)
    return swap


def _share(swap: _Swap, fee: int, config: Record) -> None:
    """Divides a step's fee among the protocol, the fund and the liquidity."""
    protocol_fee = fee * config["protocol_fee_rate"] // FEE_RATE_DENOMINATOR
    fund_fee = fee * config["fund_fee_rate"] // FEE_RATE_DENOMINATOR
    swap.protocol_fee += protocol_fee
    swap.fund_fee += fund_fee
    if swap.liquidity:
        providers = fee - protocol_fee - fund_fee
        swap.fee_growth += (providers << 64) // swap.liquidity
        swap.fee += providers


def _cross(pool: Record, tick: Record, fee_growth: int, zero_for_one: bool) -> None:
    """`TickState::cross`: what has grown outside of the tick is now on its other side."""
    growths = (fee_growth, pool["fee_growth_global_1"]) if zero_for_one else (pool["fee_growth_global_0"], fee_growth)
    tick["fee_growth_outside_0"] = growths[0] - tick["fee_growth_outside_0"]
    tick["fee_growth_outside_1"] = growths[1] - tick["fee_growth_outside_1"]


def _settle(call: Call, pool: Record, swap: _Swap, paid: int, received: int, zero_for_one: bool) -> Record:
    """Writes the swap to the pool, and its previous tick to the observations, which are returned."""
    observations = call.record("observation_state", OBSERVATIONS)
    if swap.tick != pool["tick_current"]:
        observe(observations, OBSERVATION, call.clock.unix_timestamp, tick_cumulative=pool["tick_current"])
    token_in, token_out = ("0", "1") if zero_for_one else ("1", "0")
    pool["recent_epoch"] = call.clock.epoch
    pool["tick_current"], pool["sqrt_price"], pool["liquidity"] = swap.tick, swap.sqrt_price, swap.liquidity
    pool[f"fee_growth_global_{token_in}"] = swap.fee_growth
    pool[f"total_fees_{token_in}"] += swap.fee
    pool[f"protocol_fees_{token_in}"] += swap.protocol_fee
    pool[f"fund_fees_{token_in}"] += swap.fund_fee
    pool[f"swap_in_{token_in}"] += paid
    pool[f"swap_out_{token_out}"] += received
    return observations


standin = anchor_program(
    ID,
    {
        "2b04ed0b1ac91e62": Entry("SwapV2", _HEAD + _TAIL, "<QQQQ?", _swap),
        "f8c69e91e17587c8": Entry("Swap", _HEAD, "<QQQQ?", _swap),
    },
)
