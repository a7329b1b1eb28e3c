"""Finds pools on chain and registers them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

from order_engine.dex.routing import HUBS
from order_engine.domain.errors import Transient, VenueUnavailable
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.tokens import pool_token
from order_engine.ports import PoolRegistry, PoolSource, SearchRefused

POOLS_PER_PAIR = 3
"""How many pools of a program are traded in for each pair: the deepest."""


@dataclass
class Report:
    """What a run has found: the number of pools, and the addresses of those that it disabled.

    `unusable` says by address why pools can't be traded in, and `failed` by program or search what could not be
    searched. A run that is not `complete` has left out searches.
    """

    found: int = 0
    disabled: list[str] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    complete: bool = False


class Discovery:
    """`now` is a clock in seconds."""

    def __init__(
        self, *, source: PoolSource, registry: PoolRegistry, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._registry = registry
        self._now = now
        self._unlisted: set[str] = set()

    def add(self, address: str) -> RegisteredPool:
        """Registers a pool by hand. Raises what `PoolSource.check` raises."""
        pool = self._source.check(address)
        self._registry.add(pool)
        return pool

    def remove(self, address: str) -> bool:
        """Disables a pool until it is added by hand. `False` if it is unknown."""
        return self._registry.remove(address)

    def pools(self) -> list[RegisteredPool]:
        """Every registered pool, disabled or not."""
        return self._registry.all()

    def run(self, seconds: float) -> Report:
        """Searches every program for pools of every pair of known tokens, and begins no search after `seconds`.

        Registers the deepest pools of each, and disables discovered pools that are no longer among them. Pools that are
        registered by hand stay as they are. The order is random: what a run leaves out, another one searches. Raises
        `StoreUnavailable`, and `ChainRefused` for a node of another cluster.
        """
        return self._searched(self._source.programs, combinations(self._source.tokens, 2), seconds)

    def find(self, token: str, paid_with: str, seconds: float) -> Report:
        """As `run`, for the pools of one token with the token that pays for it and with the hubs.

        A program whose accounts no node lists is not asked for again: those of its pools that are registered are known.
        """
        partners = {pool_token(paid_with), *HUBS} & {*self._source.tokens, paid_with}
        pairs = [(token, partner) for partner in sorted(partners - {token})]
        programs = [program for program in self._source.programs if program not in self._unlisted]
        report = self._searched(programs, pairs, seconds)
        self._unlisted.update(program for program in programs if program in report.failed)
        return report

    def _searched(self, programs: Iterable[str], pairs: Iterable[tuple[str, str]], seconds: float) -> Report:
        ends = self._now() + seconds
        known = [pool for pool in self._registry.all() if pool.enabled and pool.source is Source.DISCOVERED]
        searches = list(product(programs, pairs))
        random.shuffle(searches)
        report = Report()
        for program, pair in searches:
            if program in report.failed:
                continue
            if self._now() >= ends:
                return report
            of_pair = [pool for pool in known if pool.program == program and {pool.token_a, pool.token_b} == {*pair}]
            try:
                self._search(program, pair, of_pair, report)
            except SearchRefused as error:
                report.failed[program] = f"expected a node that lists a program's pools, was a refusal: {error}"
            except VenueUnavailable as error:
                report.failed[f"{program} {'-'.join(pair)}"] = str(error)
        report.complete = not report.failed
        return report

    def _search(self, program: str, pair: tuple[str, str], known: Sequence[RegisteredPool], report: Report) -> None:
        usable, unusable = self._source.search(program, pair, POOLS_PER_PAIR)
        for pool in usable:
            if pool not in known:
                self._registry.add(pool)
        # A pool that could not be read this time may be as good as before.
        kept = {pool.address for pool in usable}
        kept |= {address for address, error in unusable.items() if isinstance(error, Transient)}
        gone = [pool.address for pool in known if pool.address not in kept]
        if gone:
            self._registry.disable(gone)
        report.found += len(usable)
        report.disabled += gone
        report.unusable |= {address: str(error) for address, error in unusable.items()}
