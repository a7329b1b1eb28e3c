"""Meteora DLMM.

Source: MeteoraAg/dlmm-sdk, idls/dlmm.json, commons/src/extensions/{lb_pair,bin_array_bitmap}.rs and
commons/src/quote.rs (`validate_swap_activation`, `get_bin_array_pubkeys_for_swap`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from struct import Struct, pack
from typing import Any, NamedTuple

from order_engine.dex.errors import CorruptState, Overflow
from order_engine.dex.meteora_dlmm import (
    LIMIT_ORDER,
    LIQUIDITY_MINING,
    ONLY_Y,
    PARAMETERS,
    MeteoraDlmm,
)
from order_engine.dex.meteora_dlmm_bins import Bin, price_of_bin
from order_engine.domain.errors import CorruptPool, EngineError, QuoteExpired, SlippageExceeded, UnsupportedPool
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import MEMO, TOKEN, TOKEN_2022, Address, derived, encode
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.layouts import ADDRESS, Layout, anchor_discriminator
from order_engine.solana.programs.arrays import OWN, Arrays, Parsed, beyond_own_bitmap, own_arrays, set_bits
from order_engine.solana.programs.pool_accounts import extensible, fields, read, refuse_extensions
from order_engine.solana.programs.program import Program, Trader

PAIR = Layout(
    "a DLMM pair",
    anchor_discriminator("account", "LbPair"),
    ("base_factor", "u16"),
    ("filter_period", "u16"),
    ("decay_period", "u16"),
    ("reduction_factor", "u16"),
    ("variable_fee_control", "u32"),
    ("max_volatility_accumulator", "u32"),
    ("_", 8),
    ("protocol_share", "u16"),
    ("base_fee_power_factor", "u8"),
    ("function_type", "u8"),
    ("collect_fee_mode", "u8"),
    ("_", 3),
    ("volatility_accumulator", "u32"),
    ("volatility_reference", "u32"),
    ("index_reference", "i32"),
    ("_", 4),
    ("last_update_timestamp", "i64"),
    ("_", 11),
    ("pair_type", "u8"),
    ("active_id", "i32"),
    ("bin_step", "u16"),
    ("status", "u8"),
    ("_", 3),
    ("activation_type", "u8"),
    ("_", 1),
    ("token_x_mint", ADDRESS),
    ("token_y_mint", ADDRESS),
    ("reserve_x", ADDRESS),
    ("reserve_y", ADDRESS),
    ("_", 48),
    ("reward_0_mint", ADDRESS),
    ("_", 112),
    ("reward_1_mint", ADDRESS),
    ("_", 112),
    ("oracle", ADDRESS),
    ("bin_array_bitmap", 128),
    ("_", 104),
    ("activation_point", "u64"),
    ("_", 56),
    ("token_mint_x_program_flag", "u8"),
    ("token_mint_y_program_flag", "u8"),
    ("_", 22),
)
ENABLED = 0
ACTIVATED_LATER = 1, 2
"""The types of pairs that trade from their activation point on: permission, and customizable permissionless."""

PERMISSIONLESS_V2 = 3
"""The newest type of pairs."""

BY_SLOT, BY_TIME = range(2)
TOKEN_PROGRAMS = TOKEN, TOKEN_2022
"""By `token_mint_x_program_flag` and `token_mint_y_program_flag`."""

BINS = 70
"""The bins of an array."""

BIN = Struct("<QQQQ80xQ8xQ4xB3x")
"""A bin: `amount_x`, `amount_y`, `price` in two halves, `open_order_amount`, `processed_order_remaining_amount`,
`limit_order_ask_side`."""

BIN_ARRAY = Layout(
    "a DLMM bin array",
    anchor_discriminator("account", "BinArray"),
    ("index", "i64"),
    ("_", 8),
    ("lb_pair", ADDRESS),
    ("bins", BINS * BIN.size),
)
EXTENSION = Layout(
    "a DLMM bitmap extension",
    anchor_discriminator("account", "BinArrayBitmapExtension"),
    ("lb_pair", ADDRESS),
    ("positive_bin_array_bitmap", 768),
    ("negative_bin_array_bitmap", 768),
)

SWAP_2 = anchor_discriminator("global", "swap2")
SWAP_EXACT_OUT_2 = anchor_discriminator("global", "swap_exact_out2")
NO_TRANSFER_HOOKS = bytes(4)
"""`remaining_accounts_info` without slices."""

CODES = {
    3005: "AccountNotEnoughKeys",
    6002: "InvalidInput",
    6003: "ExceededAmountSlippageTolerance",
    6012: "PairInsufficientLiquidity",
    6036: "BitmapExtensionAccountIsNotProvided",
    6037: "CannotFindNonZeroLiquidityBinArrayId",
    6039: "InsufficientOutAmount",
    6042: "PoolDisabled",
    6057: "NotExactAmountOut",
    6104: "InsufficientInAmount",
}
ERRORS: dict[str, type[EngineError]] = {
    "ExceededAmountSlippageTolerance": SlippageExceeded,
    # The output must be above zero, and every swap asks for one base unit at least.
    "InsufficientOutAmount": SlippageExceeded,
    # The most that an exact output may cost ends in the last bin, or in one before it.
    "InsufficientInAmount": SlippageExceeded,
    "NotExactAmountOut": SlippageExceeded,
    # The bins that the swap reaches now are not those that the quote knew.
    "AccountNotEnoughKeys": QuoteExpired,
    "PairInsufficientLiquidity": QuoteExpired,
    "BitmapExtensionAccountIsNotProvided": QuoteExpired,
    "CannotFindNonZeroLiquidityBinArrayId": QuoteExpired,
    "PoolDisabled": QuoteExpired,
}


class DlmmPair(NamedTuple):
    """A pair. Token a is x, token b is y. `arrays` are all that exist, `now` is the time of the accounts."""

    program: Dlmm
    address: Address
    mints: tuple[Address, Address]
    vaults: tuple[Address, Address]
    token_programs: tuple[Address, Address]
    state: MeteoraDlmm
    oracle: Address
    arrays: Arrays
    has_extension: bool
    now: int

    @property
    def authority(self) -> Address:
        return self.address

    def swap(self, trader: Trader, a_to_b: bool, amount_in: int, min_out: int) -> Instruction:
        data = SWAP_2 + pack("<QQ", amount_in, min_out) + NO_TRANSFER_HOOKS
        return self._instruction(trader, a_to_b, amount_in, data)

    def swap_exact_out(self, trader: Trader, a_to_b: bool, amount_out: int, max_in: int) -> Instruction:
        data = SWAP_EXACT_OUT_2 + pack("<QQ", max_in, amount_out) + NO_TRANSFER_HOOKS
        return self._instruction(trader, a_to_b, max_in, data)

    def _instruction(self, trader: Trader, a_to_b: bool, amount_in: int, data: bytes) -> Instruction:
        program = AccountMeta(self.program.id)
        extension = AccountMeta(self.program.extension(self.address), writable=True)
        arrays = [self.program.array(self.address, index) for index in self._passed(a_to_b, amount_in)]
        accounts = (
            AccountMeta(self.address, writable=True),
            extension if self.has_extension else program,
            *[AccountMeta(vault, writable=True) for vault in self.vaults],
            AccountMeta(trader.source, writable=True),
            AccountMeta(trader.destination, writable=True),
            *map(AccountMeta, self.mints),
            AccountMeta(self.oracle, writable=True),
            program,  # no account for host fees
            AccountMeta(trader.owner, signer=True),
            *map(AccountMeta, self.token_programs),
            AccountMeta(MEMO),
            AccountMeta(self.program.event_authority),
            program,
            *[AccountMeta(array, writable=True) for array in arrays],
        )
        return Instruction(self.program.id, accounts, data)

    def _passed(self, a_to_b: bool, amount_in: int) -> Sequence[int]:
        """The indexes of the bin arrays that a swap of at most `amount_in` needs."""
        reached = min(amount_in, self.state.max_input(a_to_b, self.now))
        last = self.state.fills(reached, a_to_b, self.now)[-1].bin.id if reached else self.state.active_id
        return self.arrays.passed(a_to_b, last // BINS)


class Dlmm(Program):
    name = "Meteora DLMM"
    venue = "meteora"
    kind = MeteoraDlmm.kind
    pool_size = PAIR.size
    discriminator = PAIR.discriminator
    mint_offsets = PAIR.offsets["token_x_mint"], PAIR.offsets["token_y_mint"]
    errors = ERRORS
    codes = CODES

    def __init__(self, id: Address) -> None:
        self.id = id
        self.event_authority = derived(id, b"__event_authority")
        self._parsed = Parsed[list[Bin]]()

    def companions(self, address: Address, data: bytes) -> list[Address]:
        pair = fields(PAIR, data)
        found = extensible(_mints(pair), _token_programs(pair))
        position = pair["active_id"] // BINS
        arrays = Arrays.around(position, own_arrays(pair["bin_array_bitmap"])).nearest
        if not arrays.are_enough:
            beyond = [self.array(address, index) for index in beyond_own_bitmap(position)]
            found += [self.extension(address), *beyond]
        return found + [self.array(address, index) for index in arrays.numbers]

    def decode(self, address: Address, accounts: Accounts, clock: Clock) -> DlmmPair:
        pair = read(accounts, address, self.id, PAIR)
        _refuse_closed(pair, clock)
        _refuse_other_maths(pair)
        mints, reserves, token_programs = _mints(pair), (pair["reserve_x"], pair["reserve_y"]), _token_programs(pair)
        refuse_extensions(accounts, extensible(mints, token_programs))
        for mint, reserve in zip(mints, reserves, strict=True):
            if reserve != derived(self.id, address, mint):
                raise CorruptPool(f"expected the reserve of {encode(mint)}, was {encode(reserve)}")
        existing = own_arrays(pair["bin_array_bitmap"])
        has_extension = accounts.get(self.extension(address)) is not None
        if has_extension:
            existing = sorted([*existing, *self._arrays_of_extension(address, accounts)])
        arrays = Arrays.around(pair["active_id"] // BINS, existing)
        return DlmmPair(
            self,
            address,
            mints,
            reserves,
            token_programs,
            self._state(address, accounts, pair, arrays),
            pair["oracle"],
            arrays,
            has_extension,
            clock.unix_timestamp,
        )

    def extension(self, pair: Address) -> Address:
        """Where a pair's bitmap extension is, if it has one."""
        return derived(self.id, b"bitmap", pair)

    def array(self, pair: Address, index: int) -> Address:
        """Where bin array `index` of a pair is, if there is one."""
        return derived(self.id, b"bin_array", pair, index.to_bytes(8, "little", signed=True))

    def _state(self, address: Address, accounts: Accounts, pair: dict[str, Any], arrays: Arrays) -> MeteoraDlmm:
        """The state with the bins of all arrays up to the first on either side that was not read."""
        known = arrays.known(lambda index: accounts.get(self.array(address, index)) is not None)
        parameters = {name: pair[name] for name in PARAMETERS}
        if any(pair["reward_0_mint"]) or any(pair["reward_1_mint"]):
            # A pair whose function is undetermined takes limit orders unless it has rewards.
            parameters["function_type"] = parameters["function_type"] or LIQUIDITY_MINING
        try:
            bins = [bin for index in known.numbers for bin in self._bins(address, accounts, index, pair["bin_step"])]
            state = MeteoraDlmm.with_bins(parameters, bins)
        except (CorruptState, Overflow) as error:
            raise CorruptPool(str(error)) from error
        if not bins:
            raise UnsupportedPool("expected liquidity in the arrays around the price, was none")
        return state

    def _arrays_of_extension(self, pair: Address, accounts: Accounts) -> list[int]:
        """The bin arrays beyond the pair's own bitmap that exist. Each side begins next to that bitmap."""
        extension = read(accounts, self.extension(pair), self.id, EXTENSION)
        if extension["lb_pair"] != pair:
            raise CorruptPool(
                f"expected the bitmap extension of {encode(pair)}, was that of {encode(extension['lb_pair'])}"
            )
        positive = [OWN.stop + bit for bit in set_bits(extension["positive_bin_array_bitmap"])]
        return positive + [OWN.start - 1 - bit for bit in set_bits(extension["negative_bin_array_bitmap"])]

    def _bins(self, pair: Address, accounts: Accounts, index: int, bin_step: int) -> list[Bin]:
        """The bins of an array with liquidity or limit orders, in order."""
        account = accounts.get(self.array(pair, index))
        parse = partial(self._parse, pair, accounts, index, bin_step)
        return self._parsed.of((pair, index, bin_step), account, parse)

    def _parse(self, pair: Address, accounts: Accounts, index: int, bin_step: int) -> list[Bin]:
        array = read(accounts, self.array(pair, index), self.id, BIN_ARRAY)
        if (array["lb_pair"], array["index"]) != (pair, index):
            raise CorruptPool(
                f"expected bin array {index} of {encode(pair)}, was array {array['index']} of another pair"
            )
        first = index * BINS
        return [
            Bin(id, low | high << 64 or price_of_bin(id, bin_step), x, y, bool(ask_side), open_orders, processed_orders)
            for id, (x, y, low, high, open_orders, processed_orders, ask_side) in enumerate(
                BIN.iter_unpack(array["bins"]), first
            )
            if x or y or open_orders or processed_orders
        ]


def _mints(pair: dict[str, Any]) -> tuple[Address, Address]:
    return pair["token_x_mint"], pair["token_y_mint"]


def _token_programs(pair: dict[str, Any]) -> tuple[Address, Address]:
    flags = pair["token_mint_x_program_flag"], pair["token_mint_y_program_flag"]
    for flag in flags:
        if flag >= len(TOKEN_PROGRAMS):
            raise CorruptPool(f"expected a token program flag of 0 or 1, was {flag}")
    return TOKEN_PROGRAMS[flags[0]], TOKEN_PROGRAMS[flags[1]]


def _refuse_closed(pair: dict[str, Any], clock: Clock) -> None:
    """Raises `UnsupportedPool` for a pair that is disabled or not active yet."""
    if pair["status"] != ENABLED:
        raise UnsupportedPool(f"expected an enabled pair, was status {pair['status']}")
    if pair["pair_type"] not in ACTIVATED_LATER:
        return
    if pair["activation_type"] not in (BY_SLOT, BY_TIME):
        raise CorruptPool(f"expected an activation by slot (0) or by time (1), was {pair['activation_type']}")
    now = clock.slot if pair["activation_type"] == BY_SLOT else clock.unix_timestamp
    if now < pair["activation_point"]:
        raise UnsupportedPool(f"expected a pair that is active at {now}, was {pair['activation_point']}")


def _refuse_other_maths(pair: dict[str, Any]) -> None:
    """Raises `UnsupportedPool` for a pair of a kind that came after the quote maths."""
    for name, most in (
        ("pair_type", PERMISSIONLESS_V2),
        ("function_type", LIMIT_ORDER),
        ("collect_fee_mode", ONLY_Y),
    ):
        if pair[name] > most:
            raise UnsupportedPool(f"expected {name} of at most {most}, was {pair[name]}")
