"""Raydium CLMM, in pools with a constant fee on the input and without limit orders.

Source: raydium-io/raydium-clmm, programs/amm/src/states/{pool,config,tick_array,tickarray_bitmap_extension}.rs,
instructions/swap_v2.rs and error.rs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from struct import Struct, pack
from typing import Any, NamedTuple

from order_engine.dex.errors import CorruptState
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import MAX_TICK, MIN_TICK
from order_engine.domain.errors import CorruptPool, EngineError, QuoteExpired, SlippageExceeded, UnsupportedPool
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import MEMO, TOKEN, TOKEN_2022, Address, derived, encode
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.layouts import ADDRESS, Layout, anchor_discriminator
from order_engine.solana.programs.arrays import OWN, Arrays, Parsed, beyond_own_bitmap, own_arrays, set_bits
from order_engine.solana.programs.pool_accounts import fields, read
from order_engine.solana.programs.program import Program, Trader
from order_engine.solana.tokens import mint

POOL = Layout(
    "a CLMM pool",
    anchor_discriminator("account", "PoolState"),
    ("_", 1),
    ("amm_config", ADDRESS),
    ("_", 32),
    ("token_mint_0", ADDRESS),
    ("token_mint_1", ADDRESS),
    ("token_vault_0", ADDRESS),
    ("token_vault_1", ADDRESS),
    ("observation_key", ADDRESS),
    ("_", 2),
    ("tick_spacing", "u16"),
    ("liquidity", "u128"),
    ("sqrt_price_x64", "u128"),
    ("tick_current", "i32"),
    ("_", 116),
    ("status", "u8"),
    ("fee_on", "u8"),
    ("_", 513),
    ("tick_array_bitmap", 128),
    ("_", 48),
    ("open_time", "u64"),
    ("_", 8),
    ("dynamic_fee_info", 80),
    ("_", 368),
)
SWAP_DISABLED = 16
"""The bit of `status` that forbids swaps."""

CONFIG = Layout(
    "a CLMM configuration",
    anchor_discriminator("account", "AmmConfig"),
    ("_", 35),
    ("protocol_fee_rate", "u32"),
    ("trade_fee_rate", "u32"),
    ("tick_spacing", "u16"),
    ("fund_fee_rate", "u32"),
    ("_", 60),
)

TICKS = 60
"""The ticks of an array."""

TICK = Struct("<iQqQQ88xQQ28x")
"""A tick: its id, `liquidity_net` and `liquidity_gross` in two halves each, and its limit orders, which the binary that
made the recordings does not know: `orders_amount`, `part_filled_orders_remaining`."""

TICK_ARRAY = Layout(
    "a CLMM tick array",
    anchor_discriminator("account", "TickArrayState"),
    ("pool_id", ADDRESS),
    ("start_tick_index", "i32"),
    ("ticks", TICKS * TICK.size),
    ("_", 116),
)
EXTENSION = Layout(
    "a CLMM bitmap extension",
    anchor_discriminator("account", "TickArrayBitmapExtension"),
    ("pool_id", ADDRESS),
    ("positive_tick_array_bitmap", 896),
    ("negative_tick_array_bitmap", 896),
)
PART_BITS = 512
"""The bits of a part of a bitmap extension."""

SWAP_V2 = anchor_discriminator("global", "swap_v2")

CODES_UNTIL_2026 = {
    6001: "NotApproved",
    6013: "SqrtPriceLimitOverflow",
    6019: "LiquidityInsufficient",
    6022: "TooLittleOutputReceived",
    6023: "TooMuchInputPaid",
    6024: "ZeroAmountSpecified",
    6025: "InvalidInputPoolVault",
    6026: "TooSmallInputOrOutputAmount",
    6027: "NotEnoughTickArrayAccount",
    6028: "InvalidFirstTickArrayAccount",
    6040: "MissingTickArrayBitmapExtensionAccount",
    6041: "InsufficientLiquidityForDirection",
}
CODES_SINCE_2026 = {
    6000: "NotApproved",
    6011: "SqrtPriceLimitOverflow",
    6016: "LiquidityInsufficient",
    6018: "TooLittleOutputReceived",
    6019: "TooMuchInputPaid",
    6020: "ZeroAmountSpecified",
    6021: "InvalidInputPoolVault",
    6022: "TooSmallInputOrOutputAmount",
    6023: "NotEnoughTickArrayAccount",
    6024: "InvalidFirstTickArrayAccount",
    6035: "MissingTickArrayBitmapExtensionAccount",
    6036: "InsufficientLiquidityForDirection",
}
"""The program dropped names from the list of its errors, so that the others got new numbers. Only a swap's are here."""

CODES = {2505: "RequireGtViolated", 3005: "AccountNotEnoughKeys"} | {
    code: name
    for code, name in (CODES_UNTIL_2026 | CODES_SINCE_2026).items()
    if CODES_UNTIL_2026.get(code, name) == name
}
ERRORS: dict[str, type[EngineError]] = {
    "TooLittleOutputReceived": SlippageExceeded,
    "TooMuchInputPaid": SlippageExceeded,
    # The output must be above zero, and every swap asks for one base unit at least.
    "TooSmallInputOrOutputAmount": SlippageExceeded,
    # The ticks that the swap reaches now are not those that the quote knew.
    "AccountNotEnoughKeys": QuoteExpired,
    "NotEnoughTickArrayAccount": QuoteExpired,
    "InvalidFirstTickArrayAccount": QuoteExpired,
    "LiquidityInsufficient": QuoteExpired,
    "InsufficientLiquidityForDirection": QuoteExpired,
    "NotApproved": QuoteExpired,
    # The pool is not open yet.
    "RequireGtViolated": QuoteExpired,
}


class ClmmPool(NamedTuple):
    """A pool. Token a is token 0, token b is token 1. `arrays` are all that exist, each of `span` ticks."""

    program: Clmm
    address: Address
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    token_programs: tuple[Address, Address]
    state: RaydiumClmm
    config: Address
    observation: Address
    arrays: Arrays
    span: int

    @property
    def authority(self) -> Address:
        return self.address

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        return self._instruction(trader, a_to_b, amount_in, pack("<QQ16x?", amount_in, min_out, True))

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        return self._instruction(trader, a_to_b, max_in, pack("<QQ16x?", amount_out, max_in, False))

    def _instruction(self, trader: Trader, a_to_b: bool, amount_in: int, arguments: bytes) -> Instruction:
        taken, paid = (0, 1) if a_to_b else (1, 0)
        passed = self._passed(a_to_b, amount_in)
        arrays = [self.program.array(self.address, number * self.span) for number in passed]
        accounts = (
            AccountMeta(trader.owner, signer=True),
            AccountMeta(self.config),
            AccountMeta(self.address, writable=True),
            AccountMeta(trader.source, writable=True),
            AccountMeta(trader.destination, writable=True),
            AccountMeta(self.vaults[taken], writable=True),
            AccountMeta(self.vaults[paid], writable=True),
            AccountMeta(self.observation, writable=True),
            AccountMeta(TOKEN),
            AccountMeta(TOKEN_2022),
            AccountMeta(MEMO),
            AccountMeta(self.mints[taken]),
            AccountMeta(self.mints[paid]),
            AccountMeta(self.program.extension(self.address)),
            *[AccountMeta(array, writable=True) for array in arrays],
        )
        return Instruction(self.program.id, accounts, SWAP_V2 + arguments)

    def _passed(self, a_to_b: bool, amount_in: int) -> Sequence[int]:
        """The numbers of the tick arrays that a swap of at most `amount_in` needs."""
        reached = min(amount_in, self.state.max_input(a_to_b, 0))
        last = self.state.tick
        if reached:
            *_, (ahead, _) = self.state.steps(reached, a_to_b, exact_in=True)
            last = ahead.tick
        return self.arrays.passed(a_to_b, last // self.span)


class Clmm(Program):
    name = "Raydium CLMM"
    venue = "raydium"
    kind = RaydiumClmm.kind
    pool_size = POOL.size
    discriminator = POOL.discriminator
    mint_offsets = POOL.offsets["token_mint_0"], POOL.offsets["token_mint_1"]
    sorts_mints = True
    errors = ERRORS
    codes = CODES

    def __init__(self, id: Address) -> None:
        self.id = id
        self._parsed = Parsed[list[Tick]]()

    def companions(self, address: Address, data: bytes) -> list[Address]:
        pool = fields(POOL, data)
        span, position = _span(pool), _position(pool)
        found = [pool["amm_config"], *_mints(pool)]
        arrays = Arrays.around(position, own_arrays(pool["tick_array_bitmap"])).nearest
        numbers = {*arrays.numbers}
        if not arrays.are_enough:
            found.append(self.extension(address))
            # Positions over the whole range of prices have their ticks in the first and the last array.
            numbers |= {*beyond_own_bitmap(position), MIN_TICK // span, MAX_TICK // span}
        within = [number for number in sorted(numbers) if _is_within_prices(number, span)]
        return found + [self.array(address, number * span) for number in within]

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> ClmmPool:
        pool = read(accounts, address, self.id, POOL)
        _refuse_closed(pool, clock)
        _refuse_other_fees(pool)
        mints, vaults = _mints(pool), (pool["token_vault_0"], pool["token_vault_1"])
        for mint_address, vault in zip(mints, vaults, strict=True):
            if vault != derived(self.id, b"pool_vault", address, mint_address):
                raise CorruptPool(f"expected the vault of {encode(mint_address)}, was {encode(vault)}")
        existing = own_arrays(pool["tick_array_bitmap"])
        if accounts.get(self.extension(address)) is not None:
            existing = sorted([*existing, *self._arrays_of_extension(address, accounts)])
        span = _span(pool)
        arrays = Arrays.around(_position(pool), [number for number in existing if _is_within_prices(number, span)])
        return ClmmPool(
            self,
            address,
            mints,
            vaults,
            # No other account says which token programs the mints belong to.
            (mint(accounts.get(mints[0])).program, mint(accounts.get(mints[1])).program),
            self._state(address, accounts, pool, arrays),
            pool["amm_config"],
            pool["observation_key"],
            arrays,
            span,
        )

    def extension(self, pool: Address) -> Address:
        """Where a pool's bitmap extension is, if it has one."""
        return derived(self.id, b"pool_tick_array_bitmap_extension", pool)

    def array(self, pool: Address, start: int) -> Address:
        """Where a pool's tick array from tick `start` on is, if there is one."""
        return derived(self.id, b"tick_array", pool, start.to_bytes(4, signed=True))

    def _state(self, address: Address, accounts: Accounts, pool: dict[str, Any], arrays: Arrays) -> RaydiumClmm:
        """The state with the ticks of all arrays up to the first on either side that was not read."""
        config = read(accounts, pool["amm_config"], self.id, CONFIG)
        span, spacing = _span(pool), pool["tick_spacing"]
        if config["tick_spacing"] != spacing:
            raise CorruptPool(f"expected a configuration of spacing {spacing}, was {config['tick_spacing']}")
        known = arrays.known(lambda number: accounts.get(self.array(address, number * span)) is not None)
        ticks = [tick for number in known.numbers for tick in self._ticks(address, accounts, number * span, spacing)]
        state = {
            "sqrt_price": pool["sqrt_price_x64"],
            "tick": pool["tick_current"],
            "liquidity": pool["liquidity"],
            "trade_fee_rate": config["trade_fee_rate"],
            "protocol_fee_rate": config["protocol_fee_rate"],
            "fund_fee_rate": config["fund_fee_rate"],
        }
        if not ticks:
            raise UnsupportedPool("expected liquidity in the arrays around the price, was none")
        try:
            return RaydiumClmm.with_ticks(state, ticks)
        except CorruptState as error:
            raise CorruptPool(str(error)) from error

    def _arrays_of_extension(self, pool: Address, accounts: Accounts) -> Iterator[int]:
        """The tick arrays beyond the pool's own bitmap that exist.

        Within each part of the bitmaps, higher bits are higher arrays; the first negative part ends at array -513.
        """
        extension = read(accounts, self.extension(pool), self.id, EXTENSION)
        if extension["pool_id"] != pool:
            raise CorruptPool(
                f"expected the bitmap extension of {encode(pool)}, was that of {encode(extension['pool_id'])}"
            )
        for bit in set_bits(extension["positive_tick_array_bitmap"]):
            yield OWN.stop + bit
        for bit in set_bits(extension["negative_tick_array_bitmap"]):
            part, offset = divmod(bit, PART_BITS)
            yield OWN.start - PART_BITS * (part + 1) + offset

    def _ticks(self, pool: Address, accounts: Accounts, start: int, spacing: int) -> list[Tick]:
        """The initialized ticks of an array, in order. Raises `UnsupportedPool` for one with limit orders."""
        account = accounts.get(self.array(pool, start))
        parse = partial(self._parse, pool, accounts, start, spacing)
        return self._parsed.of((pool, start, spacing), account, parse)

    def _parse(self, pool: Address, accounts: Accounts, start: int, spacing: int) -> list[Tick]:
        array = read(accounts, self.array(pool, start), self.id, TICK_ARRAY)
        if (array["pool_id"], array["start_tick_index"]) != (pool, start):
            raise CorruptPool(
                f"expected the tick array of {encode(pool)} from {start}, was one from {array['start_tick_index']}"
            )
        found = []
        for expected, (tick, net_low, net_high, gross_low, gross_high, orders, filled_in_part) in zip(
            range(start, start + TICKS * spacing, spacing), TICK.iter_unpack(array["ticks"]), strict=True
        ):
            if orders or filled_in_part:
                raise UnsupportedPool(
                    f"expected ticks without limit orders, was tick {tick} with {orders + filled_in_part}"
                )
            if gross_low or gross_high:
                if tick != expected or not MIN_TICK <= tick <= MAX_TICK:
                    raise CorruptPool(f"expected tick {expected}, was {tick}")
                found.append(Tick(tick, net_low | net_high << 64))
        return found


def _mints(pool: dict[str, Any]) -> tuple[Address, Address]:
    return pool["token_mint_0"], pool["token_mint_1"]


def _span(pool: dict[str, Any]) -> int:
    """The ticks from one array to the next."""
    spacing: int = pool["tick_spacing"]
    if not spacing:
        raise CorruptPool("expected a tick spacing above 0, was 0")
    return TICKS * spacing


def _position(pool: dict[str, Any]) -> int:
    """The number of the array of the current tick."""
    tick: int = pool["tick_current"]
    if not MIN_TICK <= tick < MAX_TICK:
        raise CorruptPool(f"expected a tick from {MIN_TICK} to below {MAX_TICK}, was {tick}")
    return tick // _span(pool)


def _is_within_prices(number: int, span: int) -> bool:
    """Whether an array has ticks that a price can have."""
    return MIN_TICK // span <= number <= MAX_TICK // span


def _refuse_closed(pool: dict[str, Any], clock: Clock) -> None:
    """Raises `UnsupportedPool` for a pool that is disabled or not open yet."""
    if pool["status"] & SWAP_DISABLED:
        raise UnsupportedPool(f"expected a pool that allows swaps, was status {pool['status']}")
    if clock.unix_timestamp <= pool["open_time"]:
        raise UnsupportedPool(f"expected a pool that is open at {clock.unix_timestamp}, was {pool['open_time']}")


def _refuse_other_fees(pool: dict[str, Any]) -> None:
    """Raises `UnsupportedPool` for a pool whose fee the quote maths lacks."""
    if pool["fee_on"]:
        raise UnsupportedPool(f"expected a fee on the input, was fee_on {pool['fee_on']}")
    if any(pool["dynamic_fee_info"]):
        raise UnsupportedPool("expected a constant fee, was a dynamic fee on top of it")
