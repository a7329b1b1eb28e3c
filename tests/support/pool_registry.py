"""A registry of pools in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from order_engine.domain.errors import EngineError
from order_engine.domain.pools import RegisteredPool, Source


@dataclass
class Registry:
    """A `PoolRegistry`. Storing companions raises `refusal`, if there is one. `written` counts the other writes."""

    pools: dict[str, RegisteredPool] = field(default_factory=dict)
    stored: int = 0
    written: int = 0
    refusal: EngineError | None = None

    def enabled(self, tokens: Sequence[str]) -> list[RegisteredPool]:
        return [pool for pool in self.pools.values() if pool.enabled and {pool.token_a, pool.token_b} <= {*tokens}]

    def all(self) -> list[RegisteredPool]:
        return [*self.pools.values()]

    def add(self, pool: RegisteredPool) -> None:
        self.written += 1
        known = self.pools.get(pool.address)
        if known is None or known.source is Source.DISCOVERED or pool.source is Source.BY_HAND:
            self.pools[pool.address] = pool

    def remove(self, address: str) -> bool:
        raise NotImplementedError

    def disable(self, addresses: Sequence[str]) -> None:
        self.written += 1
        for address in addresses:
            if self.pools[address].source is Source.DISCOVERED:
                self.pools[address] = self.pools[address]._replace(enabled=False)

    def set_companions(self, address: str, companions: Sequence[str]) -> None:
        self.stored += 1
        if self.refusal:
            raise self.refusal
        self.pools[address] = self.pools[address]._replace(companions=tuple(companions))
