"""A stand-in for Raydium AMM v4: `swap_base_in` (tag 9) and `swap_base_out` (tag 11), without the order book.

Source: raydium-io/raydium-amm, program/src/{processor,state,error}.rs of July 2025, but the fee is rounded up as newer
source does it. The totals of swaps are kept up, which newer source no longer does.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple, NoReturn

from solders.pubkey import Pubkey

from localnet.addresses import TOKEN
from localnet.dex_programs import RAYDIUM_AMM_V4
from localnet.programs.records import Layout, Record
from localnet.programs.standin import Clock, InstructionFailed, Outcome, ProgramError, Reader, Transfer, panicked
from localnet.programs.tokens import TokenAccount, token_account
from order_engine.dex.errors import DexError, LiquidityExhausted, ZeroOutput
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.swaps import Swap

ID = RAYDIUM_AMM_V4.id
AUTHORITY, AUTHORITY_BUMP = Pubkey.find_program_address([b"amm authority"], ID)

POOL = Layout(
    752,
    status=(0, "u64"),
    nonce=(8, "u64"),
    order_num=(16, "u64"),
    depth=(24, "u64"),
    coin_decimals=(32, "u64"),
    pc_decimals=(40, "u64"),
    state=(48, "u64"),
    min_size=(64, "u64"),
    vol_max_cut_ratio=(72, "u64"),
    amount_wave=(80, "u64"),
    coin_lot_size=(88, "u64"),
    pc_lot_size=(96, "u64"),
    min_price_multiplier=(104, "u64"),
    max_price_multiplier=(112, "u64"),
    sys_decimal_value=(120, "u64"),
    min_separate_numerator=(128, "u64"),
    min_separate_denominator=(136, "u64"),
    trade_fee_numerator=(144, "u64"),
    trade_fee_denominator=(152, "u64"),
    pnl_numerator=(160, "u64"),
    pnl_denominator=(168, "u64"),
    swap_fee_numerator=(176, "u64"),
    swap_fee_denominator=(184, "u64"),
    need_take_pnl_coin=(192, "u64"),
    need_take_pnl_pc=(200, "u64"),
    pool_open_time=(224, "u64"),
    orderbook_to_init_time=(248, "u64"),
    swap_coin_in_amount=(256, "u128"),
    swap_pc_out_amount=(272, "u128"),
    swap_acc_pc_fee=(288, "u64"),
    swap_pc_in_amount=(296, "u128"),
    swap_coin_out_amount=(312, "u128"),
    swap_acc_coin_fee=(328, "u64"),
    coin_vault=(336, "key"),
    pc_vault=(368, "key"),
    coin_mint=(400, "key"),
    pc_mint=(432, "key"),
    lp_mint=(464, "key"),
    open_orders=(496, "key"),
    market=(528, "key"),
    market_program=(560, "key"),
    target_orders=(592, "key"),
    amm_owner=(688, "key"),
    lp_amount=(720, "u64"),
    recent_epoch=(736, "u64"),
)

SWAP_ONLY, WAITING_TRADE = 6, 7
"""`AmmStatus`: the statuses without an order book in which the pool swaps, the second from its open time on."""

_ACCOUNTS = (
    "token_program",
    "amm",
    "authority",
    "open_orders",
    "coin_vault",
    "pc_vault",
    "market_program",
    "market",
    "bids",
    "asks",
    "event_queue",
    "market_coin_vault",
    "market_pc_vault",
    "market_vault_signer",
    "user_source",
    "user_destination",
    "user_owner",
)
_TARGET_ORDERS = 4
"""Where an eighteenth account stands, which a swap does not use."""


class AmmError(Enum):
    """`AmmError`: the number, and the text in the log. The program logs no names."""

    INVALID_PROGRAM_ADDRESS = 1, "InvalidProgramAddress"
    EXPECTED_ACCOUNT = 3, "ExpectedAccount"
    INVALID_COIN_VAULT = 4, "InvalidCoinVault"
    INVALID_PC_VAULT = 5, "InvalidPCVault"
    INVALID_STATUS = 22, "InvalidStatus"
    WRONG_ACCOUNTS_NUMBER = 24, "WrongAccountsNumber"
    INVALID_AMM_ACCOUNT_OWNER = 27, "The amm account owner is not match with this program"
    INVALID_INPUT = 29, "InvalidInput"
    EXCEEDED_SLIPPAGE = 30, "exceeds desired slippage limit"
    INVALID_SPL_TOKEN_PROGRAM = 38, "InvalidSplTokenProgram"
    INSUFFICIENT_FUNDS = 40, "insufficient funds"
    CONVERSION_FAILURE = 41, "Conversion to or from u64 failed."
    INVALID_USER_TOKEN = 42, "User token input does not match amm"

    def refuse(self) -> NoReturn:
        code, text = self.value
        raise ProgramError(code, None, (f"Program log: Error: {text}",))


class _Market(NamedTuple):
    """The pool's account and its state, the trader's tokens, and the swap's direction: coin to pc is a to b."""

    pool: Record
    state: RaydiumAmmV4
    source: TokenAccount
    a_to_b: bool


def standin(accounts: Sequence[Pubkey], data: bytes, read: Reader, clock: Clock) -> Outcome:
    """Raises `ProgramError`, `InstructionFailed`."""
    run = _INSTRUCTIONS.get(data[:1])
    if run is None or len(data) < 17:
        log = "Program log: Error: InvalidInstructionData"
        raise InstructionFailed("InvalidInstructionData", "invalid instruction data", (log,))
    extra = len(accounts) - len(_ACCOUNTS)
    if extra not in (0, 1):
        AmmError.WRONG_ACCOUNTS_NUMBER.refuse()
    keys = dict(zip(_ACCOUNTS, (*accounts[:_TARGET_ORDERS], *accounts[_TARGET_ORDERS + extra :]), strict=True))
    market = _checked(keys, read, clock)
    first, second = struct.unpack_from("<QQ", data, 1)
    return _outcome(keys, market, run(market, first, second), clock)


def _swap_base_in(market: _Market, amount_in: int, min_out: int) -> Swap:
    if market.source.amount < amount_in:
        AmmError.INSUFFICIENT_FUNDS.refuse()
    try:
        swap = market.state.quote(amount_in, market.a_to_b, 0)
    except (ValueError, ZeroOutput):
        (AmmError.EXCEEDED_SLIPPAGE if min_out else AmmError.INVALID_INPUT).refuse()
    except DexError:
        AmmError.CONVERSION_FAILURE.refuse()
    if swap.amount_out < min_out:
        AmmError.EXCEEDED_SLIPPAGE.refuse()
    return swap


def _swap_base_out(market: _Market, max_in: int, amount_out: int) -> Swap:
    try:
        swap = market.state.quote_exact_out(amount_out, market.a_to_b, 0)
    except ValueError:
        AmmError.INVALID_INPUT.refuse()
    except LiquidityExhausted:
        raise panicked() from None
    except DexError:
        AmmError.CONVERSION_FAILURE.refuse()
    if market.source.amount < swap.amount_in:
        AmmError.INSUFFICIENT_FUNDS.refuse()
    if swap.amount_in > max_in:
        AmmError.EXCEEDED_SLIPPAGE.refuse()
    return swap


_INSTRUCTIONS: Mapping[bytes, Callable[[_Market, int, int], Swap]] = {b"\x09": _swap_base_in, b"\x0b": _swap_base_out}


def _checked(keys: Mapping[str, Pubkey], read: Reader, clock: Clock) -> _Market:
    """The pool, after the checks of the instruction's accounts. Raises `ProgramError`."""
    account = read(keys["amm"])
    if account is None or account.owner != ID:
        AmmError.INVALID_AMM_ACCOUNT_OWNER.refuse()
    if len(account.data) != POOL.size:
        AmmError.EXPECTED_ACCOUNT.refuse()
    pool = Record.of(POOL, account.data)
    if keys["token_program"] != TOKEN:
        AmmError.INVALID_SPL_TOKEN_PROGRAM.refuse()
    if keys["authority"] != AUTHORITY or pool["nonce"] != AUTHORITY_BUMP:
        AmmError.INVALID_PROGRAM_ADDRESS.refuse()
    if keys["coin_vault"] != pool.key("coin_vault"):
        AmmError.INVALID_COIN_VAULT.refuse()
    if keys["pc_vault"] != pool.key("pc_vault"):
        AmmError.INVALID_PC_VAULT.refuse()
    if {keys["user_source"], keys["user_destination"]} & {keys["coin_vault"], keys["pc_vault"]}:
        AmmError.INVALID_USER_TOKEN.refuse()
    coin_vault, pc_vault, source, destination = (
        _token_account(read, keys[name]) for name in ("coin_vault", "pc_vault", "user_source", "user_destination")
    )
    if pool["status"] not in (SWAP_ONLY, WAITING_TRADE) or (
        pool["status"] == WAITING_TRADE and clock.unix_timestamp < pool["pool_open_time"]
    ):
        AmmError.INVALID_STATUS.refuse()
    mints = coin_vault.mint, pc_vault.mint
    if (source.mint, destination.mint) not in (mints, mints[::-1]):
        AmmError.INVALID_USER_TOKEN.refuse()
    return _Market(pool, state(pool, (coin_vault.amount, pc_vault.amount)), source, source.mint == coin_vault.mint)


def state(pool: Record, amounts: tuple[int, int]) -> RaydiumAmmV4:
    """The pool as the quote maths has it. `amounts` are those of its vaults, of coin and pc."""
    return RaydiumAmmV4(
        amounts[0] - pool["need_take_pnl_coin"],
        amounts[1] - pool["need_take_pnl_pc"],
        pool["swap_fee_numerator"],
        pool["swap_fee_denominator"],
    )


def _token_account(read: Reader, key: Pubkey) -> TokenAccount:
    account = read(key)
    if account is None or account.owner != TOKEN:
        AmmError.INVALID_SPL_TOKEN_PROGRAM.refuse()
    return token_account(account) or AmmError.EXPECTED_ACCOUNT.refuse()


def _outcome(keys: Mapping[str, Pubkey], market: _Market, swap: Swap, clock: Clock) -> Outcome:
    pool = market.pool
    token_in, token_out = ("coin", "pc") if market.a_to_b else ("pc", "coin")
    pool[f"swap_{token_in}_in_amount"] += swap.amount_in
    pool[f"swap_{token_out}_out_amount"] += swap.amount_out
    pool[f"swap_acc_{token_in}_fee"] += swap.fees.trade
    pool["status"] = SWAP_ONLY
    pool["recent_epoch"] = clock.epoch
    vault_in, vault_out = keys[f"{token_in}_vault"], keys[f"{token_out}_vault"]
    return Outcome(
        (
            Transfer(keys["user_source"], vault_in, swap.amount_in, keys["user_owner"]),
            Transfer(vault_out, keys["user_destination"], swap.amount_out, AUTHORITY),
        ),
        {keys["amm"]: pool.data()},
        (),
    )
