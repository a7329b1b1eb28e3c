"""A stand-in for Meteora DLMM: `swap2`, `swap_exact_out2`, and `swap`, the form of the first without memo.

The program's source is not public: this follows MeteoraAg/dlmm-sdk, commons/src/quote.rs, and recordings of the
program. Rewards are not accrued, and the proceeds of limit orders are not recorded. Host fees and transfer hooks fail.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.addresses import MEMO, TOKEN_PROGRAMS
from localnet.dex_programs import METEORA_DLMM
from localnet.programs.anchor import HAS_ONE, SEEDS, AnchorError, Call, Entry, anchor_program
from localnet.programs.meteora_dlmm_bins import BITMAP_EXTENSION, BinArrays
from localnet.programs.records import Layout, Record
from localnet.programs.standin import InstructionFailed, Outcome, Refusal, Transfer
from order_engine.dex.errors import DexError, LiquidityExhausted, ZeroOutput
from order_engine.dex.meteora_dlmm import MeteoraDlmm, Volatility
from order_engine.dex.meteora_dlmm_bins import Bin, Fill, fill_bin_exact_out
from order_engine.dex.meteora_dlmm_fills import UNLIMITED

ID = METEORA_DLMM.id
EVENT_AUTHORITY, _ = Pubkey.find_program_address([b"__event_authority"], ID)

PAIR = Layout(
    904,
    "210b3162b565b10d",
    base_factor=(8, "u16"),
    filter_period=(10, "u16"),
    decay_period=(12, "u16"),
    reduction_factor=(14, "u16"),
    variable_fee_control=(16, "u32"),
    max_volatility_accumulator=(20, "u32"),
    min_bin_id=(24, "i32"),
    max_bin_id=(28, "i32"),
    protocol_share=(32, "u16"),
    base_fee_power_factor=(34, "u8"),
    function_type=(35, "u8"),
    collect_fee_mode=(36, "u8"),
    volatility_accumulator=(40, "u32"),
    volatility_reference=(44, "u32"),
    index_reference=(48, "i32"),
    last_update_timestamp=(56, "i64"),
    bump_seed=(72, "u8"),
    bin_step_seed=(73, "u16"),
    pair_type=(75, "u8"),
    active_id=(76, "i32"),
    bin_step=(80, "u16"),
    status=(82, "u8"),
    require_base_factor_seed=(83, "u8"),
    base_factor_seed=(84, "u16"),
    activation_type=(86, "u8"),
    mint_x=(88, "key"),
    mint_y=(120, "key"),
    reserve_x=(152, "key"),
    reserve_y=(184, "key"),
    protocol_fee_x=(216, "u64"),
    protocol_fee_y=(224, "u64"),
    oracle=(552, "key"),
    bin_array_bitmap=(584, 128),
    activation_point=(816, "u64"),
    creator=(848, "key"),
    version=(882, "u8"),
)
ORACLE = Layout(
    3232, "8bc283b38cb3e5f4", idx=(8, "u64"), active_size=(16, "u64"), length=(24, "u64"), observations=(32, 3200)
)
OBSERVATION = Layout(32, cumulative_active_bin_id=(0, "i128"), created_at=(16, "i64"), last_updated_at=(24, "i64"))

_ACTIVATED_PAIR_TYPES = (1, 2)
_BY_SLOT = 0
_OBSERVATION_SECONDS = 120

INVALID_INPUT = AnchorError(6002, "InvalidInput", "Invalid input data")
EXCEEDED_SLIPPAGE = AnchorError(6003, "ExceededAmountSlippageTolerance", "Exceeded amount slippage tolerance")
MATH_OVERFLOW = AnchorError(6008, "MathOverflow", "Math operation overflow")
INVALID_TOKEN_MINT = AnchorError(6010, "InvalidTokenMint", "Invalid token mint")
INSUFFICIENT_OUT = AnchorError(6039, "InsufficientOutAmount", "Insufficient amount in for minimum out")
NOT_EXACT_OUT = AnchorError(6057, "NotExactAmountOut", "Amount out is not matched with exact amount out")
INSUFFICIENT_IN = AnchorError(6104, "InsufficientInAmount", "Insufficient in amount")
POOL_DISABLED = AnchorError(6042, "PoolDisabled", "Pool disabled")

_SWAP2 = "programs/lb_clmm/src/instructions/v2/swap2.rs"
_BIN = "programs/lb_clmm/src/state/bin.rs"
_HEAD = (
    "lb_pair",
    "bin_array_bitmap_extension",
    "reserve_x",
    "reserve_y",
    "user_token_in",
    "user_token_out",
    "token_x_mint",
    "token_y_mint",
    "oracle",
    "host_fee_in",
    "user",
    "token_x_program",
    "token_y_program",
)
_TAIL = ("event_authority", "program")


class _Market(NamedTuple):
    """The pair's account, its state in the swap's direction, and the error of a swap beyond the last bin."""

    pair: Record
    state: MeteoraDlmm
    arrays: BinArrays
    a_to_b: bool
    beyond: Refusal


def _swap(call: Call) -> Outcome:
    amount_in, min_out = call.arguments[:2]
    market = _checked(call, amount_in)
    try:
        swap = market.state.quote(amount_in, market.a_to_b, call.clock.unix_timestamp)
        fills = market.state.fills(amount_in, market.a_to_b, call.clock.unix_timestamp)
    except LiquidityExhausted:
        raise market.beyond from None
    except ZeroOutput:
        raise INSUFFICIENT_OUT.thrown_in(f"{_SWAP2}:785") from None
    except DexError:
        raise MATH_OVERFLOW.occurred() from None
    if swap.amount_out < min_out:
        raise EXCEEDED_SLIPPAGE.thrown_in(f"{_SWAP2}:261")
    return _settle(call, market, fills)


def _swap_exact_out(call: Call) -> Outcome:
    max_in, amount_out = call.arguments[:2]
    market = _checked(call, amount_out)
    return _settle(call, market, _fills_exact_out(market, amount_out, max_in, call.clock.unix_timestamp))


def _checked(call: Call, amount: int) -> _Market:
    """The pair, after the checks of the instruction. Raises `ProgramError`, `InstructionFailed`."""
    pair = call.record("lb_pair", PAIR)
    extension = None
    if call["bin_array_bitmap_extension"] != ID:
        extension = call.record("bin_array_bitmap_extension", BITMAP_EXTENSION)
    reserves = [call.token_account(name) for name in ("reserve_x", "reserve_y")]
    user_mints = [call.token_account(name).mint for name in ("user_token_in", "user_token_out")]
    for name in ("token_x_mint", "token_y_mint"):
        call.mint(name)
    call.record("oracle", ORACLE)
    for name in ("token_x_program", "token_y_program"):
        call.check_program(name, *TOKEN_PROGRAMS)
    if "memo_program" in call.accounts:
        call.check_program("memo_program", MEMO)
    for name, field in (
        ("reserve_x", "reserve_x"),
        ("reserve_y", "reserve_y"),
        ("token_x_mint", "mint_x"),
        ("token_y_mint", "mint_y"),
        ("oracle", "oracle"),
    ):
        if call[name] != pair.key(field):
            raise HAS_ONE.caused_by("lb_pair")
    mints = [reserve.mint for reserve in reserves]
    if user_mints[0] not in mints or user_mints[0] == user_mints[1]:
        raise INVALID_TOKEN_MINT.caused_by("user_token_in")
    if user_mints[1] not in mints:
        raise INVALID_TOKEN_MINT.caused_by("user_token_out")
    if call["event_authority"] != EVENT_AUTHORITY:
        raise SEEDS.caused_by("event_authority")
    if call["host_fee_in"] != ID or any(call.arguments[2:]):
        raise InstructionFailed("ProgramFailedToComplete", "the stand-in has no host fees and no transfer hooks", ())
    point = call.clock.slot if pair["activation_type"] == _BY_SLOT else call.clock.unix_timestamp
    waiting = pair["pair_type"] in _ACTIVATED_PAIR_TYPES and point < pair["activation_point"]
    if pair["status"] or waiting:
        raise POOL_DISABLED.thrown_in(f"{_SWAP2}:318")
    if not amount:
        raise INVALID_INPUT.thrown_in(f"{_SWAP2}:598")
    a_to_b = user_mints[0] == pair.key("mint_x")
    arrays = BinArrays(call, pair.raw("bin_array_bitmap"), extension)
    bins, beyond = arrays.bins_ahead(pair["active_id"], pair["bin_step"], a_to_b)
    return _Market(pair, state(pair, bins), arrays, a_to_b, beyond)


def state(pair: Record, bins: Iterable[Bin]) -> MeteoraDlmm:
    """The pair with these bins, as the quote maths has it."""
    return MeteoraDlmm(
        active_id=pair["active_id"],
        bin_step=pair["bin_step"],
        base_factor=pair["base_factor"],
        base_fee_power_factor=pair["base_fee_power_factor"],
        filter_period=pair["filter_period"],
        decay_period=pair["decay_period"],
        reduction_factor=pair["reduction_factor"],
        variable_fee_control=pair["variable_fee_control"],
        max_volatility_accumulator=pair["max_volatility_accumulator"],
        protocol_share=pair["protocol_share"],
        function_type=pair["function_type"],
        collect_fee_mode=pair["collect_fee_mode"],
        volatility=Volatility(
            pair["volatility_accumulator"],
            pair["volatility_reference"],
            pair["index_reference"],
            pair["last_update_timestamp"],
        ),
        bins=tuple(sorted(bins)),
    )


def _fills_exact_out(market: _Market, amount_out: int, max_in: int, now: int) -> list[Fill]:
    """The swap that pays exactly `amount_out` for at most `max_in`, bin by bin. Raises `ProgramError`."""
    state, a_to_b = market.state, market.a_to_b
    references = state.references(now)
    fills: list[Fill] = []
    for bin in state.bins_ahead(a_to_b):
        accumulator, rate = state.fee_rate(bin.id, *references)
        drained = state.fill(bin, rate, accumulator, UNLIMITED, a_to_b)
        paid = min(amount_out, drained.amount_out)
        fill = fill_bin_exact_out(
            drained, paid, a_to_b, state.fee_on_input(a_to_b), state.takes_orders, state.protocol_share
        )
        amount_out -= paid
        max_in -= fill.amount_in
        if max_in < 0:
            # The program fills all but the last bin as far as the input goes.
            raise NOT_EXACT_OUT.thrown_in(f"{_SWAP2}:235") if amount_out else INSUFFICIENT_IN.thrown_in(f"{_BIN}:400")
        fills.append(fill)
        if not amount_out:
            return fills
    raise market.beyond


def _settle(call: Call, market: _Market, fills: list[Fill]) -> Outcome:
    pair, state, arrays, a_to_b, _ = market
    now, last = call.clock.unix_timestamp, fills[-1]
    on_input = state.fee_on_input(a_to_b)
    fee_on_x = a_to_b and on_input
    oracle = call.record("oracle", ORACLE)
    _observe(oracle, state.active_id, now)
    pair["volatility_accumulator"] = last.accumulator
    pair["volatility_reference"], pair["index_reference"] = state.references(now)
    if last.bin.id != state.active_id:
        pair["active_id"], pair["last_update_timestamp"] = last.bin.id, now
    pair["protocol_fee_x" if fee_on_x else "protocol_fee_y"] += sum(fill.protocol_fee for fill in fills)
    reserve_in, reserve_out = ("reserve_x", "reserve_y") if a_to_b else ("reserve_y", "reserve_x")
    amount_in, amount_out = sum(fill.amount_in for fill in fills), sum(fill.amount_out for fill in fills)
    return Outcome(
        (
            Transfer(call["user_token_in"], call[reserve_in], amount_in, call["user"]),
            Transfer(call[reserve_out], call["user_token_out"], amount_out, call["lb_pair"]),
        ),
        {
            call["lb_pair"]: pair.data(),
            call["oracle"]: oracle.data(),
            **arrays.settle(fills, a_to_b, fee_on_x),
        },
        (),
    )


def _observe(oracle: Record, active_id: int, now: int) -> None:
    """Adds the active bin's id times the seconds since the last swap, to a new observation every two minutes."""
    if not oracle["active_size"]:
        oracle["active_size"] = 1
        first = oracle.part(OBSERVATION, "observations", 0)
        first["cumulative_active_bin_id"], first["created_at"], first["last_updated_at"] = active_id, now, now
        return
    last = oracle.part(OBSERVATION, "observations", oracle["idx"])
    cumulative = last["cumulative_active_bin_id"] + active_id * (now - last["last_updated_at"])
    if now - last["created_at"] >= _OBSERVATION_SECONDS:
        oracle["idx"] = (oracle["idx"] + 1) % oracle["length"]
        oracle["active_size"] = min(oracle["active_size"] + 1, oracle["length"])
        last = oracle.part(OBSERVATION, "observations", oracle["idx"])
        last["created_at"] = now
    last["cumulative_active_bin_id"], last["last_updated_at"] = cumulative, now


standin = anchor_program(
    ID,
    {
        "414b3f4ceb5b5b88": Entry("Swap2", (*_HEAD, "memo_program", *_TAIL), "<QQI", _swap),
        "f8c69e91e17587c8": Entry("Swap", _HEAD + _TAIL, "<QQ", _swap),
        "2bd7f784893cf351": Entry("SwapExactOut2", (*_HEAD, "memo_program", *_TAIL), "<QQI", _swap_exact_out),
    },
)
