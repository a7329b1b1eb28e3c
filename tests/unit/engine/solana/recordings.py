"""Replays the recordings in tests/vectors/solana: swaps that the deployed programs carried out.

Every row is decoded from its accounts, quoted, built and applied. Any further file of the same format is replayed too;
`meta.program_id` says which program made it.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections import Counter
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from order_engine.dex.errors import DexError, LiquidityExhausted, ZeroOutput
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.pool import Pool, Swap
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.domain.errors import ChainRefused, EngineError, QuoteExpired, SlippageExceeded, UnsupportedPool
from order_engine.solana.accounts import Account, Accounts, Clock
from order_engine.solana.addresses import Address, address, associated_token_account
from order_engine.solana.instructions import AccountMeta, Instruction
from order_engine.solana.programs.program import Program, ProgramPool, Trader
from tests.support.deployments import MAINNET, program

FOLDER = Path(__file__).parents[3] / "vectors" / "solana"

AGREED = "carried out, quoted and built alike"
OTHER_FORM = "carried out and quoted alike, by another form of the instruction"
OTHER_ARRAYS = "carried out and quoted alike, with other arrays of bins or ticks"
FAR = "carried out and quoted alike, but only with more arrays than a quote reads"
EXACT_OUT = "carried out for an exact output, quoted and built alike"
WITHOUT_FEE = "carried out without the fee of one base unit that newer source takes"
FOR_NOTHING = "carried out for nothing, which the engine refuses to quote"
IN_PART = "carried out in part, which the engine refuses to quote"
BEYOND_MATHS = "carried out beyond the quote maths, so that the engine refuses to decode the pool"
NOT_DECODED = "refused; the engine refuses to decode the pool"
NOT_QUOTED = "refused; the engine refuses to quote"
TOO_DEAR = "refused beyond the limit, as quoted"
REFUSED = "refused for another reason than pool or price"

BEFORE_ARRAYS = {program("meteora_dlmm").id: 16, program("raydium_clmm").id: 14}
"""The accounts of a swap before its arrays of bins or ticks."""

Row = dict[str, Any]


class Recording(NamedTuple):
    """The swaps in one pool, in order, and the accounts before the first."""

    file: str
    program: Program
    pool: Row
    rows: list[Row]


@cache
def documents() -> dict[str, Row]:
    """The files with recorded swaps, by name."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    return {name: document for name, document in found.items() if "swaps" in document}


def recordings(name: str) -> list[Recording]:
    """The recordings of a file."""
    document = documents()[name]
    program = MAINNET.programs[address(document["meta"]["program_id"])]
    return [
        Recording(name, program, pool, [row for row in document["swaps"] if row["pool"] == pool["name"]])
        for pool in document["pools"]
    ]


def each_recording() -> pytest.MarkDecorator:
    """Parametrizes a test with the recordings, named by file and pool."""
    found = [each for name in documents() for each in recordings(name)]
    return pytest.mark.parametrize("recording", found, ids=[f"{each.file}-{each.pool['name']}" for each in found])


def accounts_of(pool: Row) -> dict[Address, Account]:
    """The pool's accounts before the first swap."""
    return {
        address(raw["address"]): Account(address(raw["owner"]), raw["lamports"], b64decode(raw["data"]))
        for raw in pool["accounts"]
    }


def address_of(pool: Row) -> Address:
    return next(address(raw["address"]) for raw in pool["accounts"] if raw["role"] == "pool")


def needed(program: Program, pool: Address, accounts: Accounts) -> dict[Address, Account | None]:
    """The accounts that a quote reads: the pool's, and the companions that it names."""
    found = accounts[pool]
    assert found is not None
    return {key: accounts.get(key) for key in (pool, *program.companions(pool, found.data))}


def clock_of(row: Row) -> Clock:
    return Clock(row["clock"]["slot"], row["clock"]["unix_timestamp"])


def replay(recording: Recording) -> Counter[str]:
    """The rows by outcome. Asserts that every row has one, and that a swap leaves behind the state that was quoted."""
    replayed = Replay(recording)
    return Counter(replayed.outcome(row) for row in recording.rows)


class Replay:
    """The accounts of a recorded pool, from row to row."""

    def __init__(self, recording: Recording) -> None:
        self.program = recording.program
        self.pool = address_of(recording.pool)
        self.wallet = recording.pool["wallet"]
        self.beyond_maths = recording.pool.get("beyond_product_maths", False)
        self.accounts = accounts_of(recording.pool)

    def decode(self, row: Row) -> ProgramPool:
        """The pool with all that it has."""
        return self.program.decode(self.pool, self.accounts, clock_of(row))

    def read(self, row: Row) -> ProgramPool:
        """The pool with what a quote reads."""
        return self.program.decode(self.pool, needed(self.program, self.pool, self.accounts), clock_of(row))

    def outcome(self, row: Row) -> str:
        """What the engine makes of the row. The accounts are those after the row then."""
        carried_out = row["result"]["ok"]
        try:
            pool = self.decode(row)
        except UnsupportedPool:
            if carried_out:
                assert self.beyond_maths
                self.apply(row)
                return BEYOND_MATHS
            assert self.beyond_maths or self.reaction(row) is QuoteExpired
            return NOT_DECODED
        mints = (row["mint_in"], row["mint_out"]) if row["a_to_b"] else (row["mint_out"], row["mint_in"])
        assert pool.mints == tuple(map(address, mints))
        if not carried_out:
            return self.refused(row, pool)
        return self.exact_out(row, pool) if row.get("kind") == "exact_out" else self.exact_in(row, pool)

    def exact_in(self, row: Row, pool: ProgramPool) -> str:
        result, state = row["result"], pool.state
        quote = row["amount_in"], row["a_to_b"], row["clock"]["unix_timestamp"]
        outcome = compare(self.built(row, pool), recorded(row))
        if result["amount_in"] < row["amount_in"]:
            with pytest.raises(LiquidityExhausted):
                state.quote(*quote)
            self.apply(row)
            return IN_PART
        if not result["amount_out"]:
            with pytest.raises(ZeroOutput):
                state.quote(*quote)
            self.apply(row)
            return FOR_NOTHING
        if isinstance(state, RaydiumAmmV4) and takes_no_fee(state, row["amount_in"]):
            state, outcome = replace(state, swap_fee_numerator=0), WITHOUT_FEE
        swap, after = state.swap(*quote)
        check(swap, result)
        read = self.read(row).state
        if read != pool.state and not promises(read, swap, *quote):
            outcome = FAR
        self.apply(row)
        assert_same_state(self.decode(row).state, after)
        return outcome

    def exact_out(self, row: Row, pool: ProgramPool) -> str:
        outcome = compare(self.built(row, pool), recorded(row))
        check(self.quoted(row, pool.state), row["result"])
        self.apply(row)
        return EXACT_OUT if outcome == AGREED else outcome

    def refused(self, row: Row, pool: ProgramPool) -> str:
        try:
            swap = self.quoted(row, pool.state)
        except (DexError, ValueError):
            return NOT_QUOTED
        _, limit = exact_amount_and_limit(row)
        if swap.amount_in > limit if row.get("kind") == "exact_out" else swap.amount_out < limit:
            compare(self.built(row, pool), recorded(row))
            assert self.reaction(row) is SlippageExceeded
            return TOO_DEAR
        assert self.reaction(row) is not SlippageExceeded
        return REFUSED

    def built(self, row: Row, pool: ProgramPool) -> Instruction:
        """The row's swap as the engine builds it. Asserts that its token accounts are those of wallet and mints."""
        owner = address(row.get("wallet", self.wallet))
        accounts = [
            associated_token_account(owner, mint, token_program)
            for mint, token_program in zip(pool.mints, pool.token_programs, strict=True)
        ]
        source, destination = accounts if row["a_to_b"] else reversed(accounts)
        assert source == address(row["token_accounts"]["input"])
        assert destination == address(row["token_accounts"]["output"])
        build = pool.swap_exact_out if row.get("kind") == "exact_out" else pool.swap
        return build(Trader(owner, source, destination), row["a_to_b"], *exact_amount_and_limit(row))

    def quoted(self, row: Row, state: Pool) -> Swap:
        amount, _ = exact_amount_and_limit(row)
        if row.get("kind") != "exact_out":
            return state.quote(amount, row["a_to_b"], row["clock"]["unix_timestamp"])
        return state.quote_exact_out(amount, row["a_to_b"], row["clock"]["unix_timestamp"])

    def reaction(self, row: Row) -> type[EngineError]:
        """What the engine does about the row's error, if it is one of the pool's program."""
        error = row["result"]["error"]
        if "program" not in error or address(error["program"]) != self.program.id:
            return ChainRefused
        name = error.get("name") or self.program.codes.get(error.get("code"), "")
        return self.program.errors.get(name, ChainRefused)

    def apply(self, row: Row) -> None:
        """Changes the accounts as the row did."""
        for key, change in row["result"]["changed"].items():
            account = self.accounts[address(key)]
            data = bytearray(account.data)
            for offset, patch in change["patch"]:
                raw = bytes.fromhex(patch)
                data[offset : offset + len(raw)] = raw
            assert sha256(data).hexdigest() == change["sha256"]
            self.accounts[address(key)] = account._replace(data=bytes(data))


def exact_amount_and_limit(row: Row) -> tuple[int, int]:
    """The amount that must be exact, and the limit of the other one. The note says which is which."""
    amounts = row["amount_in"], row["min_out"]
    if row.get("kind") == "exact_out" and "amount_in is the most to pay" in row["note"]:
        return amounts[1], amounts[0]
    return amounts


def recorded(row: Row) -> Instruction:
    raw = row["instruction"]
    metas = tuple(AccountMeta(address(meta["pubkey"]), meta["signer"], meta["writable"]) for meta in raw["accounts"])
    return Instruction(address(raw["program_id"]), metas, b64decode(raw["data"]))


def compare(built: Instruction, recorded: Instruction) -> str:
    """Whether the instruction is the recorded one, or another form of it. Asserts that it is one of the two."""
    if built == recorded:
        return AGREED
    assert built.program == recorded.program
    if built.program == program("raydium_amm_v4").id:
        assert built.data == recorded.data
        assert read_by_amm_v4(built) == read_by_amm_v4(recorded)
    elif built.data == recorded.data:
        before = BEFORE_ARRAYS[built.program]
        assert built.accounts[:before] == recorded.accounts[:before]
        assert {*built.accounts[before:]} <= {*recorded.accounts[before:]}
        return OTHER_ARRAYS
    else:
        assert built.data[:8] != recorded.data[:8]
    return OTHER_FORM


def read_by_amm_v4(instruction: Instruction) -> tuple[AccountMeta, ...]:
    """The accounts that AMM v4 reads: neither those of the order book nor, where they are 18, the target orders."""
    accounts = instruction.accounts
    return accounts[:3] + accounts[-13:-11] + accounts[-3:]


def promises(state: Pool, swap: Swap, amount_in: int, a_to_b: bool, now: int) -> bool:
    """Whether the state that a quote reads pays what was paid. Asserts that it pays nothing else."""
    try:
        assert state.quote(amount_in, a_to_b, now) == swap
    except LiquidityExhausted:
        return False
    return True


def takes_no_fee(state: RaydiumAmmV4, amount_in: int) -> bool:
    """Whether the recorded AMM v4 takes no fee where newer source, and the quote, takes one base unit."""
    return amount_in * state.swap_fee_numerator * 2 < state.swap_fee_denominator


def check(swap: Swap, result: Row) -> None:
    """Asserts that the quote is what was carried out, fees included as far as they are recorded."""
    assert (swap.amount_in, swap.amount_out) == (result["amount_in"], result["amount_out"])
    fees = swap.fees._asdict() | {"on_input": swap.fee_on_input}
    assert result.get("fees", {}).items() <= fees.items()


def assert_same_state(found: Pool, expected: Pool) -> None:
    """Asserts that the accounts after a swap give the state that the quote maths foretold."""
    if isinstance(found, RaydiumAmmV4) and isinstance(expected, RaydiumAmmV4):
        expected = replace(expected, swap_fee_numerator=found.swap_fee_numerator)
    if isinstance(found, MeteoraDammV2) and isinstance(expected, MeteoraDammV2):
        # A swap changes the dynamic fee, and the market cap, of the swaps after it.
        expected = replace(expected, base_fee_numerator=found.base_fee_numerator)
    assert found == expected
