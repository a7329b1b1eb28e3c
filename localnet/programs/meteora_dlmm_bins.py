"""The bin arrays of a Meteora DLMM pair: their accounts, and the bins that a swap comes to.

Source: MeteoraAg/dlmm-sdk, commons/src/extensions/{lb_pair,bin_array,bin_array_bitmap}.rs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from solders.pubkey import Pubkey

from localnet.programs.anchor import NOT_ENOUGH_KEYS, AnchorError, Call, load
from localnet.programs.records import Layout, Record, set_bits
from localnet.programs.standin import InstructionFailed, ProgramError, Refusal, borrowed
from order_engine.dex.meteora_dlmm_bins import Bin, Fill, after_fill, price_of_bin

BINS_PER_ARRAY = 70

BIN = Layout(
    144,
    amount_x=(0, "u64"),
    amount_y=(8, "u64"),
    price=(16, "u128"),
    liquidity_supply=(32, "u128"),
    fee_x_per_token=(80, "u128"),
    fee_y_per_token=(96, "u128"),
    open_order_amount=(112, "u64"),
    processed_order_remaining_amount=(128, "u64"),
    limit_order_ask_side=(140, "u8"),
)
BIN_ARRAY = Layout(
    10136,
    "5c8e5cdc059446b5",
    index=(8, "i64"),
    version=(16, "u8"),
    pair=(24, "key"),
    bins=(56, BINS_PER_ARRAY * BIN.size),
)
EXTENSION_BYTES = 768
"""Of the bitmaps of a bitmap extension, on either side of bin 0."""

BITMAP_EXTENSION = Layout(
    1576, "506f7c7137ed1205", pair=(8, "key"), positive=(40, EXTENSION_BYTES), negative=(808, EXTENSION_BYTES)
)

INVALID_BIN_ARRAY = AnchorError(6027, "InvalidBinArray", "Invalid bin array")
BITMAP_EXTENSION_MISSING = AnchorError(
    6036, "BitmapExtensionAccountIsNotProvided", "Bitmap extension account is not provided"
)
NO_LIQUIDITY_AHEAD = AnchorError(
    6037, "CannotFindNonZeroLiquidityBinArrayId", "Cannot find non-zero liquidity binArrayId"
)

ARRAYS_ASIDE = 512
"""The arrays on either side of bin 0 that the pair's own bitmap covers."""


class BinArrays:
    """The bin arrays that an instruction passes, and the numbers of those that hold liquidity."""

    def __init__(self, call: Call, bitmap: bytes, extension: Record | None) -> None:
        self._call = call
        self._keys = iter(call.remaining)
        self._arrays: dict[int, tuple[Pubkey, Record]] = {}
        self._extended = extension is not None
        self._indexes = set_bits(bitmap, -ARRAYS_ASIDE)
        if extension:
            self._indexes += set_bits(extension.raw("positive"), ARRAYS_ASIDE)
            self._indexes += [-1 - index for index in set_bits(extension.raw("negative"), ARRAYS_ASIDE)]

    def bins_ahead(self, active_id: int, bin_step: int, a_to_b: bool) -> tuple[list[Bin], Refusal]:
        """The bins from the active one on that the program can reach, and its error for a swap that goes beyond."""
        bins: list[Bin] = []
        for index in self._indexes_ahead(active_id // BINS_PER_ARRAY, a_to_b):
            try:
                array = self._next(index)
            except (ProgramError, InstructionFailed) as error:
                return bins, error
            bins += bins_of(array, bin_step)
        return bins, (NO_LIQUIDITY_AHEAD if self._extended else BITMAP_EXTENSION_MISSING).occurred()

    def _next(self, index: int) -> Record:
        """The array with this number. The program looks for it after the one before, and skips what lies between.

        Raises `ProgramError`, `InstructionFailed`.
        """
        for key in self._keys:
            if key in (self._call["lb_pair"], self._call["oracle"]):
                raise borrowed()
            array = load(self._call.read, self._call.program, key, BIN_ARRAY, "bin_array")
            if array.key("pair") != self._call["lb_pair"]:
                raise INVALID_BIN_ARRAY.thrown_in("programs/lb_clmm/src/instructions/swap.rs:27")
            if array["index"] == index:
                self._arrays[index] = key, array
                return array
        raise NOT_ENOUGH_KEYS.caused_by("bin_array")

    def settle(self, fills: Iterable[Fill], a_to_b: bool, fee_on_x: bool) -> dict[Pubkey, bytes]:
        """Writes a swap to its bins. Returns the new data of their arrays."""
        changed: dict[Pubkey, bytes] = {}
        for fill in fills:
            index, place = divmod(fill.bin.id, BINS_PER_ARRAY)
            key, array = self._arrays[index]
            record, after = array.part(BIN, "bins", place), after_fill(fill, a_to_b)
            record["amount_x"], record["amount_y"] = after.amount_x, after.amount_y
            record["open_order_amount"] = after.open_order_amount
            record["processed_order_remaining_amount"] = after.processed_order_remaining_amount
            if supply := record["liquidity_supply"] >> 64:
                record["fee_x_per_token" if fee_on_x else "fee_y_per_token"] += (fill.fee << 64) // supply
            changed[key] = array.data()
        return changed

    def _indexes_ahead(self, index: int, a_to_b: bool) -> Iterator[int]:
        """The numbers of the arrays with liquidity, from `index` on. Array n begins with bin 70 · n."""
        if a_to_b:
            return iter(sorted((each for each in self._indexes if each <= index), reverse=True))
        return iter(sorted(each for each in self._indexes if each >= index))


def bins_of(array: Record, bin_step: int) -> Iterator[Bin]:
    """The bins of an array that hold liquidity or limit orders."""
    for place in range(BINS_PER_ARRAY):
        record = array.part(BIN, "bins", place)
        amounts = record["amount_x"], record["amount_y"]
        orders = record["open_order_amount"], record["processed_order_remaining_amount"]
        if any(amounts) or any(orders):
            id = array["index"] * BINS_PER_ARRAY + place
            price = record["price"] or price_of_bin(id, bin_step)
            yield Bin(id, price, *amounts, bool(record["limit_order_ask_side"]), *orders)
