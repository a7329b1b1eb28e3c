"""Finds pools on chain, and checks what a quote takes for granted before they are registered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from order_engine.domain.errors import CorruptPool, EngineError
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.tokens import TOKENS
from order_engine.ports import FoundPools, SearchRefused
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import Address, decode, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.nodes import RpcError
from order_engine.solana.pools import AccountReader, PoolAt, PoolReader
from order_engine.solana.programs.pool_accounts import balance
from order_engine.solana.programs.program import Program
from order_engine.solana.rpc import Snapshot
from order_engine.solana.tokens import mint


class ProgramReader(AccountReader, Protocol):
    def program_accounts(self, program: Address, size: int, contents: Mapping[int, bytes]) -> Snapshot:
        """A program's accounts of `size` bytes that have these bytes at these offsets.

        Raises `VenueUnavailable`, and `RpcError` where no node lists accounts.
        """


class SolanaPools:
    """A `PoolSource`."""

    def __init__(self, rpc: ProgramReader, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment
        self._reader = PoolReader(rpc, deployment)
        self._programs = {program.kind: program for program in deployment.programs.values()}
        self.programs = list(self._programs)
        self.tokens = sorted({*deployment.symbols.values()})

    def search(self, program: str, tokens: tuple[str, str], limit: int) -> FoundPools:
        candidates: dict[Address, Sequence[Address]] = {}
        unusable: dict[str, EngineError] = {}
        for pool, account in self._accounts(self._programs[program], tokens):
            try:
                candidates[pool] = self._programs[program].companions(pool, account.data)
            except EngineError as error:
                unusable[encode(pool)] = error
        reading = self._reader.read(candidates)
        unusable |= reading.unusable
        usable: list[RegisteredPool] = []
        for id, read in sorted(reading.pools.items(), key=_depth, reverse=True):
            if len(usable) == limit:
                break
            try:
                usable.append(self._checked(id, read, Source.DISCOVERED))
            except EngineError as error:
                unusable[id] = error
        return FoundPools(usable, unusable)

    def check(self, address: str) -> RegisteredPool:
        pool = decode(address)
        reading = self._reader.read({pool: ()})
        if address in reading.unusable:
            raise reading.unusable[address]
        return self._checked(address, reading.pools[address], Source.BY_HAND)

    def _accounts(self, program: Program, tokens: tuple[str, str]) -> Iterator[tuple[Address, Account]]:
        """The accounts of a program's pools of two tokens, usable or not."""
        mints = sorted(map(self._deployment.mint, tokens))
        for pair in [mints] if program.sorts_mints else [mints, mints[::-1]]:
            contents = dict(zip(program.mint_offsets, pair, strict=True))
            try:
                _, accounts = self._rpc.program_accounts(program.id, program.pool_size, contents)
            except RpcError as error:
                raise SearchRefused(str(error)) from error
            yield from ((pool, account) for pool, account in accounts.items() if account)

    def _checked(self, id: str, read: PoolAt, source: Source) -> RegisteredPool:
        """The pool, if its mints and vaults are as its quotes suppose. Raises `CorruptPool`, `UnsupportedPool`."""
        pool = read.pool
        _, accounts = self._rpc.accounts([*pool.mints, *pool.vaults], read.slot)
        for symbol, key, vault, program in zip(read.tokens, pool.mints, pool.vaults, pool.token_programs, strict=True):
            was = mint(accounts[key])
            # What has no symbol has the decimals that its mint says.
            decimals = TOKENS[symbol].decimals if symbol in TOKENS else was.decimals
            if (was.decimals, was.program) != (decimals, program):
                expected = _said(decimals, program)
                raise CorruptPool(
                    f"expected the mint of {symbol} to have {expected}, was {_said(was.decimals, was.program)}"
                )
            balance(accounts, vault, key, pool.authority, program)
        companions = tuple(map(encode, read.companions))
        return RegisteredPool(id, read.program.kind, read.program.venue, *read.tokens, companions, source)


def _said(decimals: int, program: Address) -> str:
    return f"{decimals} decimals and program {encode(program)}"


def _depth(item: tuple[str, PoolAt]) -> int:
    """How deep a pool is. It must be in both directions, whatever its price says that its tokens are worth."""
    state = item[1].pool.state
    return state.depth(True) * state.depth(False)
