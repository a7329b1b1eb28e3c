"""The transaction that carries out an order: its instructions, and whether they fit in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from order_engine.domain.errors import ChainRefused, QuoteExpired
from order_engine.domain.money import describe
from order_engine.domain.quotes import PlannedSwap, Quote
from order_engine.domain.tokens import TOKENS, token
from order_engine.solana.addresses import TOKEN, WRAPPED_SOL, Address, associated_token_account, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.instructions import (
    Instruction,
    address_with_seed,
    compute_unit_limit,
    compute_unit_price,
    create_account_with_seed,
    memo,
)
from order_engine.solana.messages import (
    MAX_TRANSACTION_ACCOUNTS,
    MAX_TRANSACTION_BYTES,
    LookupTable,
    compile_message,
    transaction_size,
)
from order_engine.solana.programs.program import ProgramPool, Trader
from order_engine.solana.tokens import TOKEN_ACCOUNT_BYTES, close_account, create_associated, initialize_account3

MAX_COMPUTE_UNITS = 1_400_000
"""The most that a transaction may take."""

_MARK_CHARACTERS = 4
"""Of base58: nobody puts lamports into all of the eleven million accounts that this many can name."""


class Step(NamedTuple):
    """An instruction, and what it does in words."""

    instruction: Instruction
    description: str


class Draft(NamedTuple):
    """A transaction of `wallet` without its compute budget and blockhash."""

    wallet: Address
    steps: Sequence[Step]
    tables: Sequence[LookupTable] = ()

    @property
    def writable(self) -> list[Address]:
        """The accounts that it writes to."""
        metas = (meta for step in self.steps for meta in step.instruction.accounts if meta.writable)
        return list(dict.fromkeys(meta.address for meta in metas))

    def with_budget(self, units: int, price: int) -> Draft:
        """The transaction with at most `units` compute units, each for `price` micro-lamports beside the base fee."""
        budget = [
            Step(compute_unit_limit(units), f"limit the transaction to {units} compute units"),
            Step(compute_unit_price(price), f"pay {price} micro-lamports for each of them"),
        ]
        return self._replace(steps=[*budget, *self.steps])

    def message(self, blockhash: bytes) -> bytes:
        """The message to sign. Raises `ChainRefused` for more bytes or accounts than a transaction may have."""
        instructions = [step.instruction for step in self.steps]
        accounts = {self.wallet, *(call.program for call in instructions)}
        accounts.update(meta.address for call in instructions for meta in call.accounts)
        if len(accounts) > MAX_TRANSACTION_ACCOUNTS:
            raise ChainRefused(
                f"expected a transaction of at most {MAX_TRANSACTION_ACCOUNTS} accounts, was {len(accounts)}"
            )
        message = compile_message(self.wallet, instructions, blockhash, self.tables)
        if (size := transaction_size(message)) > MAX_TRANSACTION_BYTES:
            raise ChainRefused(f"expected a transaction of at most {MAX_TRANSACTION_BYTES} bytes, was {size}")
        return message


def draft(
    quote: Quote,
    min_out: int,
    order_id: UUID,
    *,
    wallet: Address,
    deployment: Deployment,
    pools: Mapping[str, ProgramPool],
    rent: int,
    tables: Sequence[LookupTable] = (),
) -> Draft:
    """The transaction that swaps as quoted, and pays at least `min_out`, or does nothing.

    `rent` is that of a token account, in lamports. SOL is swapped through an account of its own, which exists within
    the transaction only, so that wrapped SOL of the wallet's stays wrapped.

    Raises `QuoteExpired` if one of the quote's pools is not among `pools`, `NoRoute` for a token that the cluster does
    not have.
    """
    # Another quote for the order gives another account, and another signature under the same blockhash: an earlier
    # transaction may have failed, or somebody may have put lamports where its account was to be created.
    mark = encode(sha256(f"{order_id} {quote.expires_at}".encode()).digest())[-_MARK_CHARACTERS:]
    tokens = list(dict.fromkeys(symbol for swap in quote.swaps for symbol in (swap.token_in, swap.token_out)))
    mints = {symbol: deployment.mint(symbol) for symbol in tokens}
    used = {swap.pool: _pool(swap, pools, mints) for swap in quote.swaps}
    programs = {
        mint: program for pool in used.values() for mint, program in zip(pool.mints, pool.token_programs, strict=True)
    }
    holdings = {symbol: _associated(wallet, symbol, mint, programs[mint]) for symbol, mint in mints.items()}
    if quote.token_in == "SOL":
        holdings[tokens[0]] = _temporary(wallet, mark, rent, quote.amount_in)
    else:
        holdings[tokens[0]] = holdings[tokens[0]]._replace(opening=[])  # It holds what is swapped.
    if quote.token_out == "SOL":
        holdings[tokens[-1]] = _temporary(wallet, mark, rent, 0)
    note = f"{order_id} {mark}"
    steps = [
        *(step for holding in holdings.values() for step in holding.opening),
        *_swaps(quote, min_out, wallet, used, holdings),
        *(step for holding in holdings.values() for step in holding.closing),
        Step(memo(note), f"note {note}"),
    ]
    return Draft(wallet, steps, tables)


class _Holding(NamedTuple):
    """The wallet's account for a token, and what opens it before the swaps and closes it after them."""

    mint: Address
    account: Address
    opening: Sequence[Step]
    closing: Sequence[Step]


def _associated(wallet: Address, symbol: str, mint: Address, token_program: Address) -> _Holding:
    create = create_associated(wallet, wallet, mint, token_program)
    step = Step(create, f"create the {_shown(symbol)} account unless it exists")
    return _Holding(mint, associated_token_account(wallet, mint, token_program), [step], [])


def _temporary(wallet: Address, seed: str, rent: int, lamports: int) -> _Holding:
    """An account of its own for wrapped SOL, which begins with `lamports`."""
    account = address_with_seed(wallet, seed, TOKEN)
    create = create_account_with_seed(wallet, wallet, seed, rent + lamports, TOKEN_ACCOUNT_BYTES, TOKEN)
    holds = f" with {describe(lamports, TOKENS['SOL'])}" if lamports else ""
    opening = [
        Step(create, f"create the wSOL account{holds}"),
        Step(initialize_account3(account, WRAPPED_SOL, wallet), "initialize the wSOL account"),
    ]
    closing = [Step(close_account(account, wallet, wallet), "close the wSOL account")]
    return _Holding(WRAPPED_SOL, account, opening, closing)


def _swaps(
    quote: Quote,
    min_out: int,
    wallet: Address,
    pools: Mapping[str, ProgramPool],
    holdings: Mapping[str, _Holding],
) -> Iterator[Step]:
    """The swaps. The last hop takes exact amounts; the hop before it buys them, for at most all of the input.

    A transaction passes no amount on from one instruction to the next. Each swap of the last hop must pay its part of
    `min_out`, rounded up, and never nothing.
    """
    for (token_in, token_out), group in groupby(quote.swaps, lambda swap: (swap.token_in, swap.token_out)):
        hop = list(group)
        planned_in, planned_out = (sum(swap.amount_in for swap in hop), sum(swap.amount_out for swap in hop))
        trader = Trader(wallet, holdings[token_in].account, holdings[token_out].account)
        for swap in hop:
            pool = pools[swap.pool]
            a_to_b = pool.mints[0] == holdings[token_in].mint
            if token_out == quote.swaps[-1].token_out:
                least = max(-(-min_out * swap.amount_out // planned_out), 1)
                call = pool.swap(trader, a_to_b, swap.amount_in, least)
                text = f"swap {_shown(token_in)} for {_shown(token_out)} in {swap.pool}"
            else:
                most = quote.amount_in * swap.amount_in // planned_in
                call = pool.swap_exact_out(trader, a_to_b, swap.amount_out, most)
                text = f"buy {describe(swap.amount_out, token(token_out))} with {_shown(token_in)} in {swap.pool}"
            yield Step(call, text)


def _pool(swap: PlannedSwap, pools: Mapping[str, ProgramPool], mints: Mapping[str, Address]) -> ProgramPool:
    pool = pools.get(swap.pool)
    if pool is None:
        raise QuoteExpired(f"pool {swap.pool} can no longer be traded in")
    expected = {mints[swap.token_in], mints[swap.token_out]}
    if expected != {*pool.mints}:
        was = " and ".join(map(encode, pool.mints))
        raise ChainRefused(f"expected pool {swap.pool} to trade {swap.token_in} for {swap.token_out}, was {was}")
    return pool


def _shown(symbol: str) -> str:
    """Pools list wrapped SOL as SOL."""
    return "wSOL" if symbol == "SOL" else symbol
