"""A stand-in for Raydium CP-Swap: `swap_base_input` and `swap_base_output`.

Source: raydium-io/raydium-cp-swap, programs/cp-swap/src/instructions/swap_base_{input,output}.rs and
states/{pool,config,oracle}.rs. Creator fees are taken as the newer source does it.
"""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey

from localnet.addresses import TOKEN_PROGRAMS
from localnet.dex_programs import RAYDIUM_CP
from localnet.programs.anchor import ADDRESS, RAW, REQUIRE_GT, SEEDS, AnchorError, Call, Entry, anchor_program
from localnet.programs.observations import observe
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Outcome, Transfer, panicked
from order_engine.dex.errors import DexError, LiquidityExhausted, ZeroOutput
from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.dex.swaps import Swap

ID = RAYDIUM_CP.id
AUTHORITY, AUTHORITY_BUMP = Pubkey.find_program_address([b"vault_and_lp_mint_auth_seed"], ID)

POOL = Layout(
    637,
    "f7ede3f5d7c3de46",
    config=(8, "key"),
    vault_0=(72, "key"),
    vault_1=(104, "key"),
    lp_mint=(136, "key"),
    mint_0=(168, "key"),
    mint_1=(200, "key"),
    token_program_0=(232, "key"),
    token_program_1=(264, "key"),
    observation=(296, "key"),
    authority_bump=(328, "u8"),
    status=(329, "u8"),
    lp_decimals=(330, "u8"),
    decimals_0=(331, "u8"),
    decimals_1=(332, "u8"),
    lp_supply=(333, "u64"),
    protocol_fees_0=(341, "u64"),
    protocol_fees_1=(349, "u64"),
    fund_fees_0=(357, "u64"),
    fund_fees_1=(365, "u64"),
    open_time=(373, "u64"),
    recent_epoch=(381, "u64"),
    creator_fee_on=(389, "u8"),
    creator_fee_enabled=(390, "u8"),
    creator_fees_0=(397, "u64"),
    creator_fees_1=(405, "u64"),
)
CONFIG = Layout(
    236,
    "daf42168cbcb2b6f",
    bump=(8, "u8"),
    index=(10, "u16"),
    trade_fee_rate=(12, "u64"),
    protocol_fee_rate=(20, "u64"),
    fund_fee_rate=(28, "u64"),
    create_pool_fee=(36, "u64"),
    creator_fee_rate=(108, "u64"),
)
OBSERVATIONS = Layout(
    4075,
    "7aaec5358109a584",
    initialized=(8, "u8"),
    observation_index=(9, "u16"),
    pool=(11, "key"),
    observations=(43, 4000),
)
OBSERVATION = Layout(40, block_timestamp=(0, "u64"), price_0_x32=(8, "u128"), price_1_x32=(24, "u128"))

_SWAP_DISABLED = 4
_ACCOUNTS = (
    "payer",
    "authority",
    "amm_config",
    "pool_state",
    "input_token_account",
    "output_token_account",
    "input_vault",
    "output_vault",
    "input_token_program",
    "output_token_program",
    "input_token_mint",
    "output_token_mint",
    "observation_state",
)

NOT_APPROVED = AnchorError(6000, "NotApproved", "Not approved")
EXCEEDED_SLIPPAGE = AnchorError(6005, "ExceededSlippage", "Exceeds desired slippage limit")
ZERO_TRADING_TOKENS = AnchorError(6006, "ZeroTradingTokens", "Must supply at least one token for both market of a swap")
INVALID_VAULT = AnchorError(6008, "InvalidVault", "invaild vault")


class _Market(NamedTuple):
    """The pool's account, its state, and the swap's direction."""

    pool: Record
    state: RaydiumCp
    a_to_b: bool


def _swap_base_input(call: Call) -> Outcome:
    amount_in, min_out = call.arguments
    market = _checked(call)
    if not amount_in:
        raise REQUIRE_GT.thrown_in("programs/cp-swap/src/instructions/swap_base_input.rs:90")
    try:
        swap = market.state.quote(amount_in, market.a_to_b, call.clock.unix_timestamp)
    except ZeroOutput:
        raise REQUIRE_GT.thrown_in("programs/cp-swap/src/instructions/swap_base_input.rs:185") from None
    except DexError:
        raise ZERO_TRADING_TOKENS.occurred() from None
    if swap.amount_out < min_out:
        raise EXCEEDED_SLIPPAGE.thrown_in("programs/cp-swap/src/instructions/swap_base_input.rs:186")
    return _outcome(call, market, swap)


def _swap_base_output(call: Call) -> Outcome:
    max_in, amount_out = call.arguments
    market = _checked(call)
    try:
        swap = market.state.quote_exact_out(amount_out, market.a_to_b, call.clock.unix_timestamp)
    except ValueError:
        raise REQUIRE_GT.thrown_in("programs/cp-swap/src/instructions/swap_base_output.rs:114") from None
    except LiquidityExhausted:
        raise panicked() from None
    except DexError:
        raise ZERO_TRADING_TOKENS.occurred() from None
    if swap.amount_in > max_in:
        raise EXCEEDED_SLIPPAGE.thrown_in("programs/cp-swap/src/instructions/swap_base_output.rs:120")
    return _outcome(call, market, swap)


def _checked(call: Call) -> _Market:
    """The pool, after the checks of the instruction's accounts. Raises `ProgramError`."""
    config, pool = call.record("amm_config", CONFIG, copied=True), call.record("pool_state", POOL)
    call.token_account("input_token_account")
    call.token_account("output_token_account")
    vault_in, vault_out = call.token_account("input_vault"), call.token_account("output_vault")
    for side in ("input", "output"):
        call.check_program(f"{side}_token_program", *TOKEN_PROGRAMS)
    mints = call.mint("input_token_mint"), call.mint("output_token_mint")
    call.record("observation_state", OBSERVATIONS)
    vaults = pool.key("vault_0"), pool.key("vault_1")
    if call["authority"] != AUTHORITY:
        raise SEEDS.caused_by("authority")
    if call["amm_config"] != pool.key("config"):
        raise ADDRESS.caused_by("amm_config")
    for name in ("input_vault", "output_vault"):
        if call[name] not in vaults:
            raise RAW.caused_by(name)
    for name, mint, vault in zip(("input", "output"), mints, (vault_in, vault_out), strict=True):
        if mint != vault.mint:
            raise ADDRESS.caused_by(f"{name}_token_mint")
    if call["observation_state"] != pool.key("observation"):
        raise ADDRESS.caused_by("observation_state")
    if pool["status"] & _SWAP_DISABLED or call.clock.unix_timestamp < pool["open_time"]:
        raise NOT_APPROVED.thrown_in("programs/cp-swap/src/instructions/swap_base_input.rs:83")
    a_to_b = call["input_vault"] == vaults[0]
    if call["output_vault"] != vaults[a_to_b]:
        raise INVALID_VAULT.occurred()
    amounts = (vault_in.amount, vault_out.amount) if a_to_b else (vault_out.amount, vault_in.amount)
    return _Market(pool, state(pool, config, amounts), a_to_b)


def state(pool: Record, config: Record, amounts: tuple[int, int]) -> RaydiumCp:
    """The pool as the quote maths has it. `amounts` are those of its vaults, of token 0 and token 1."""
    reserve_0, reserve_1 = (
        amount - pool[f"protocol_fees_{token}"] - pool[f"fund_fees_{token}"] - pool[f"creator_fees_{token}"]
        for token, amount in enumerate(amounts)
    )
    return RaydiumCp(
        reserve_0,
        reserve_1,
        config["trade_fee_rate"],
        config["protocol_fee_rate"],
        config["fund_fee_rate"],
        config["creator_fee_rate"] if pool["creator_fee_enabled"] else 0,
        pool["creator_fee_on"],
    )


def _outcome(call: Call, market: _Market, swap: Swap) -> Outcome:
    pool, state, a_to_b = market
    token_in, token_out = ("0", "1") if a_to_b else ("1", "0")
    pool[f"protocol_fees_{token_in}"] += swap.fees.protocol
    pool[f"fund_fees_{token_in}"] += swap.fees.fund
    pool[f"creator_fees_{token_in if swap.creator_fee_on_input else token_out}"] += swap.fees.creator
    observations = call.record("observation_state", OBSERVATIONS)
    reserve_0, reserve_1 = state.reserve_a, state.reserve_b
    observe(
        observations,
        OBSERVATION,
        call.clock.unix_timestamp,
        price_0_x32=(reserve_1 << 32) // reserve_0,
        price_1_x32=(reserve_0 << 32) // reserve_1,
    )
    pool["recent_epoch"] = call.clock.epoch
    return Outcome(
        (
            Transfer(call["input_token_account"], call["input_vault"], swap.amount_in, call["payer"]),
            Transfer(call["output_vault"], call["output_token_account"], swap.amount_out, AUTHORITY),
        ),
        {call["pool_state"]: pool.data(), call["observation_state"]: observations.data()},
        (),
    )


standin = anchor_program(
    ID,
    {
        "8fbe5adac41e33de": Entry("SwapBaseInput", _ACCOUNTS, "<QQ", _swap_base_input),
        "37d96256a34ab4ad": Entry("SwapBaseOutput", _ACCOUNTS, "<QQ", _swap_base_output),
    },
)
