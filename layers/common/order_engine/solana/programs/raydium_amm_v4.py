"""Raydium AMM v4, in pools that do not use the order book.

Source: raydium-io/raydium-amm, program/src/{state,instruction,error}.rs and processor.rs (`process_swap_base_in`,
`process_swap_base_out`). Token a is the coin, token b the pc.
"""

from __future__ import annotations

from struct import pack
from typing import NamedTuple

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.domain.errors import (
    CorruptPool,
    EngineError,
    InsufficientFunds,
    QuoteExpired,
    SlippageExceeded,
    UnsupportedPool,
)
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import TOKEN, Address, derived
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.layouts import ADDRESS, Layout
from order_engine.solana.programs.pool_accounts import balance, checked, fields, read, refuse_empty
from order_engine.solana.programs.program import Program, Trader

POOL = Layout(
    "an AMM v4 pool",
    b"",
    ("status", "u64"),
    ("_", 168),
    ("swap_fee_numerator", "u64"),
    ("swap_fee_denominator", "u64"),
    ("need_take_pnl_coin", "u64"),
    ("need_take_pnl_pc", "u64"),
    ("_", 16),
    ("pool_open_time", "u64"),
    ("_", 104),
    ("coin_vault", ADDRESS),
    ("pc_vault", ADDRESS),
    ("coin_vault_mint", ADDRESS),
    ("pc_vault_mint", ADDRESS),
    ("_", 288),
)
"""The account has no discriminator: its owner and its size tell what it is."""

STATUSES = {
    0: "not initialized",
    1: "trading through an order book",
    2: "disabled",
    3: "open to withdrawals only",
    4: "open to liquidity only",
    5: "open to its order book only",
    6: "open to swaps only",
    7: "open to swaps from its opening time on",
}
SWAP_ONLY, WAITING_TRADE = 6, 7

SWAP_BASE_IN, SWAP_BASE_OUT = b"\x09", b"\x0b"

CODES = dict(
    enumerate(
        (
            *("AlreadyInUse", "InvalidProgramAddress", "ExpectedMint", "ExpectedAccount", "InvalidCoinVault"),
            *("InvalidPCVault", "InvalidTokenLP", "InvalidDestTokenCoin", "InvalidDestTokenPC", "InvalidPoolMint"),
            *("InvalidOpenOrders", "InvalidMarket", "InvalidMarketProgram", "InvalidTargetOrders"),
            *("AccountNeedWriteable", "AccountNeedReadOnly", "InvalidCoinMint", "InvalidPCMint", "InvalidOwner"),
            *("InvalidSupply", "InvalidDelegate", "InvalidSignAccount", "InvalidStatus", "InvalidInstruction"),
            *("WrongAccountsNumber", "InvalidTargetAccountOwner", "InvalidTargetOwner", "InvalidAmmAccountOwner"),
            *("InvalidParamsSet", "InvalidInput", "ExceededSlippage", "CalculationExRateFailure"),
            *("CheckedSubOverflow", "CheckedAddOverflow", "CheckedMulOverflow", "CheckedDivOverflow"),
            *("CheckedEmptyFunds", "CalcPnlError", "InvalidSplTokenProgram", "TakePnlError", "InsufficientFunds"),
            *("ConversionFailure", "InvalidUserToken"),
        )
    )
)
"""`AmmError`, as far as a swap can end in it. The program logs no names."""

ERRORS: dict[str, type[EngineError]] = {
    "ExceededSlippage": SlippageExceeded,
    "InvalidStatus": QuoteExpired,
    "InsufficientFunds": InsufficientFunds,
}


class AmmV4Pool(NamedTuple):
    """A pool. Token a is the coin, token b the pc."""

    program: AmmV4
    address: Address
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    state: RaydiumAmmV4

    @property
    def authority(self) -> Address:
        return self.program.authority

    @property
    def token_programs(self) -> tuple[Address, Address]:
        return TOKEN, TOKEN

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        return self._instruction(trader, SWAP_BASE_IN + pack("<QQ", amount_in, min_out))

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        return self._instruction(trader, SWAP_BASE_OUT + pack("<QQ", max_in, amount_out))

    def _instruction(self, trader: Trader, data: bytes) -> Instruction:
        """The direction follows from the mints of the trader's token accounts."""
        coin_vault, pc_vault = self.vaults
        # The program reads no account of the order book. The pool's own address takes no bytes in a transaction.
        unread = AccountMeta(self.address, writable=True)
        unread_readonly = AccountMeta(self.address)
        accounts = (
            AccountMeta(TOKEN),
            AccountMeta(self.address, writable=True),
            AccountMeta(self.authority),
            unread,  # open orders
            AccountMeta(coin_vault, writable=True),
            AccountMeta(pc_vault, writable=True),
            unread_readonly,  # the market's program
            *[unread] * 6,  # the market, its bids, asks, event queue and vaults
            unread_readonly,  # the owner of the market's vaults
            AccountMeta(trader.source, writable=True),
            AccountMeta(trader.destination, writable=True),
            AccountMeta(trader.owner, signer=True),
        )
        return Instruction(self.program.id, accounts, data)


class AmmV4(Program):
    name = "Raydium AMM v4"
    venue = "raydium"
    kind = RaydiumAmmV4.kind
    pool_size = POOL.size
    discriminator = POOL.discriminator
    mint_offsets = POOL.offsets["coin_vault_mint"], POOL.offsets["pc_vault_mint"]
    errors = ERRORS
    codes = CODES

    def __init__(self, id: Address) -> None:
        self.id = id
        self.authority = derived(id, b"amm authority")
        """The owner of all vaults."""

    def companions(self, address: Address, data: bytes) -> list[Address]:
        pool = fields(POOL, data)
        return [pool["coin_vault"], pool["pc_vault"]]

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> AmmV4Pool:
        pool = read(accounts, address, self.id, POOL)
        status, open_time = pool["status"], pool["pool_open_time"]
        if status not in STATUSES:
            raise CorruptPool(f"expected a status from 0 to {max(STATUSES)}, was {status}")
        if status not in (SWAP_ONLY, WAITING_TRADE):
            raise UnsupportedPool(f"expected a pool that is open to swaps only, was {STATUSES[status]}")
        if status == WAITING_TRADE and clock.unix_timestamp < open_time:
            raise UnsupportedPool(f"expected a pool that opens by {clock.unix_timestamp}, was {open_time}")
        mints = pool["coin_vault_mint"], pool["pc_vault_mint"]
        vaults = pool["coin_vault"], pool["pc_vault"]
        coin = balance(accounts, vaults[0], mints[0], self.authority, TOKEN) - pool["need_take_pnl_coin"]
        pc = balance(accounts, vaults[1], mints[1], self.authority, TOKEN) - pool["need_take_pnl_pc"]
        refuse_empty(coin, pc)
        state = {
            "reserve_a": coin,
            "reserve_b": pc,
            "swap_fee_numerator": pool["swap_fee_numerator"],
            "swap_fee_denominator": pool["swap_fee_denominator"],
        }
        return AmmV4Pool(self, address, mints, vaults, checked(RaydiumAmmV4.from_json, state))
