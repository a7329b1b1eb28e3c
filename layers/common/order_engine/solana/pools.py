"""Reads pools, each with all the accounts that its program needs, as they were at one slot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from typing import NamedTuple, Protocol

from order_engine.domain.errors import CorruptPool, EngineError, UnsupportedPool, VenueUnavailable
from order_engine.solana.accounts import Accounts, Clock
from order_engine.solana.addresses import CLOCK, Address, encode
from order_engine.solana.deployments import Deployment
from order_engine.solana.programs.program import Program, ProgramPool
from order_engine.solana.rpc import MAX_ACCOUNTS, Snapshot

_CLOCK = Struct("<Q24xq")


class AccountReader(Protocol):
    """A node, or several."""

    def accounts(self, addresses: Sequence[Address], min_slot: int = 0) -> Snapshot:
        """Up to `MAX_ACCOUNTS` accounts, all of one slot, which is at least `min_slot`. Raises `VenueUnavailable`."""


class PoolAt(NamedTuple):
    """A pool as it was at a slot, its tokens as pools trade them, and the other accounts that its quote needs."""

    slot: int
    program: Program
    pool: ProgramPool
    tokens: tuple[str, str]
    companions: Sequence[Address]


class Reading(NamedTuple):
    """Pools by their addresses, those that can't be used, and why, and the chain's time in Unix seconds, if known."""

    pools: Mapping[str, PoolAt]
    unusable: Mapping[str, EngineError]
    now: int | None = None


class _Pass(NamedTuple):
    """What was read since `slot`, at the time `now`.

    `moved` are the pools that need accounts which were not read, with all that they need.
    """

    slot: int
    now: int | None
    pools: dict[str, PoolAt]
    unusable: dict[str, EngineError]
    moved: dict[Address, Sequence[Address]]


class PoolReader:
    """Reads pools of the programs and the tokens on a cluster."""

    def __init__(self, rpc: AccountReader, deployment: Deployment) -> None:
        self._rpc = rpc
        self._deployment = deployment

    def read(self, known: Mapping[Address, Sequence[Address]]) -> Reading:
        """Pools as they are now: one call for as many as `MAX_ACCOUNTS` accounts suffice for.

        `known` are the companions that each pool has needed before. A pool that needs others now is read once more,
        with these. Raises `VenueUnavailable`, `ChainRefused`.
        """
        first = self._read(known)
        if not first.moved:
            return Reading(first.pools, first.unusable, first.now)
        try:
            second = self._read(first.moved, first.slot)
        except VenueUnavailable as error:
            return Reading(first.pools, first.unusable | dict.fromkeys(map(encode, first.moved), error), first.now)
        restless = VenueUnavailable("expected a pool that needs the same accounts twice in a row, was one that moves")
        unusable = first.unusable | second.unusable | dict.fromkeys(map(encode, second.moved), restless)
        return Reading(first.pools | second.pools, unusable, second.now)

    def _read(self, known: Mapping[Address, Sequence[Address]], min_slot: int = 0) -> _Pass:
        """Reads pools with these companions."""
        done = _Pass(min_slot, None, {}, {}, {})
        for pools, addresses in _calls(known):
            slot, accounts = self._rpc.accounts(addresses, done.slot)
            clock = _clock(accounts)
            done = done._replace(slot=done.slot or slot, now=clock.unix_timestamp)
            for pool in pools:
                try:
                    program, companions = self._identified(pool, accounts)
                    if accounts.keys() >= set(companions):
                        decoded = program.decode(pool, accounts, clock)
                        done.pools[encode(pool)] = PoolAt(slot, program, decoded, self._tokens(decoded), companions)
                    else:
                        done.moved[pool] = companions
                except EngineError as error:
                    done.unusable[encode(pool)] = error
        return done

    def _identified(self, pool: Address, accounts: Accounts) -> tuple[Program, list[Address]]:
        """A pool's program, and its companions as they are now. Raises `CorruptPool`, `UnsupportedPool`."""
        account = accounts[pool]
        if account is None:
            raise CorruptPool("expected a pool, was no account")
        market, programs = self._deployment.market, self._deployment.programs
        program = programs.get(account.owner)
        if program is None:
            names = ", ".join(each.name for each in programs.values()) or "no program"
            raise UnsupportedPool(
                f"expected a pool of {names} on {market}, was an account of program {encode(account.owner)}"
            )
        return program, program.companions(pool, account.data)

    def _tokens(self, pool: ProgramPool) -> tuple[str, str]:
        mint_a, mint_b = pool.mints
        return self._deployment.symbol(mint_a), self._deployment.symbol(mint_b)


def _calls(known: Mapping[Address, Sequence[Address]]) -> Iterator[tuple[list[Address], list[Address]]]:
    """The pools and the accounts of each call. A pool's accounts and the clock are in one call: they must agree."""
    pools: list[Address] = []
    accounts: dict[Address, None] = {}
    for pool, companions in known.items():
        own = dict.fromkeys([CLOCK, pool, *companions])
        if pools and len(accounts | own) > MAX_ACCOUNTS:
            yield pools, list(accounts)
            pools, accounts = [], {}
        pools.append(pool)
        accounts |= own
    if pools:
        yield pools, list(accounts)


def _clock(accounts: Accounts) -> Clock:
    account = accounts[CLOCK]
    if account is None or len(account.data) < _CLOCK.size:
        raise VenueUnavailable("expected the chain's clock, was none")
    return Clock(*_CLOCK.unpack_from(account.data))
