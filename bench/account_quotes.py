"""Measures how fast a swap is quoted from the accounts of its pool: these are decoded, then the swap is quoted.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bench.quotes import ROUNDS, Paid, batches, cells
from bench.table import print_table
from order_engine.solana.accounts import Accounts
from order_engine.solana.addresses import Address
from order_engine.solana.programs.meteora_damm_v2 import DammV2
from order_engine.solana.programs.meteora_dlmm import Dlmm
from order_engine.solana.programs.program import Program
from order_engine.solana.programs.raydium_amm_v4 import AmmV4
from order_engine.solana.programs.raydium_clmm import Clmm
from order_engine.solana.programs.raydium_cp import CpSwap
from tests.unit.engine.solana.array_samples import DlmmSample
from tests.unit.engine.solana.recordings import Replay, needed, recordings

KINDS: dict[str, Callable[[Address], Program]] = {
    "raydium_cp": CpSwap,
    "raydium_amm_v4": AmmV4,
    "raydium_clmm": Clmm,
    "meteora_dlmm": Dlmm,
    "meteora_damm_v2": DammV2,
}
ARRAYS = 21
DLMM_TARGET = 3_000
"""The µs to reach with `ARRAYS` arrays of bins."""


class Case(NamedTuple):
    title: str
    target: int | None
    accounts: Accounts
    ask: Callable[[], Paid]


def recorded(file: str) -> Case:
    """The first swap of an exact input that the program paid for. Raises `RuntimeError` for a quote that differs."""
    recording = recordings(file)[0]
    replay = Replay(recording)
    carried_out = (row for row in recording.rows if row["result"]["ok"])
    while not (row := next(carried_out))["result"]["amount_out"] or row.get("kind") == "exact_out":
        replay.apply(row)
    swap = row["amount_in"], row["a_to_b"], row["clock"]["unix_timestamp"]

    def ask() -> Paid:
        replay.program = KINDS[file](replay.program.id)  # It has parsed no arrays yet.
        return replay.read(row).state.quote(*swap)

    if (was := ask().amount_out) != (expected := row["result"]["amount_out"]):
        raise RuntimeError(f"{file}: expected {expected} out, was {was}")
    return Case(replay.program.name, None, needed(replay.program, replay.pool, replay.accounts), ask)


def many_arrays() -> Case:
    """A pair with liquidity in each bin of its arrays. All of them are read. The swap drains half of them."""
    sample = DlmmSample(at=0, numbers=range(-(ARRAYS // 2), ARRAYS // 2 + 1))
    arrays = {sample.array(number): sample.accounts[sample.array(number)] for number in sample.numbers}
    accounts = needed(sample.program, sample.address, sample.accounts) | arrays
    now = sample.clock.unix_timestamp
    amount_in = sample.program.decode(sample.address, accounts, sample.clock).state.max_input(True, now)

    def ask() -> Paid:
        return Dlmm(sample.program.id).decode(sample.address, accounts, sample.clock).state.quote(amount_in, True, now)

    return Case(f"{Dlmm.name}, {ARRAYS} full arrays", DLMM_TARGET, accounts, ask)


def main() -> None:
    rows = []
    for case in (*map(recorded, KINDS), many_arrays()):
        for _ in batches(case.ask):
            pass
        taken = [us for _ in range(ROUNDS) for us in batches(case.ask)]
        found = [account for account in case.accounts.values() if account]
        size = sum(len(account.data) for account in found)
        target = "" if case.target is None else str(case.target)
        rows.append([case.title, str(len(found)), f"{size / 1000:.0f}", target, *cells(taken)])
    print_table(["a quote from accounts, µs", "accounts", "kB", "target", "median", "p10–p90"], rows)


if __name__ == "__main__":
    main()
