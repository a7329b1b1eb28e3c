"""The simulated market: its venues and its chain."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from order_engine.bootstrap import settings, stores
from order_engine.ports import Chain, Venue
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import Faults
from order_engine.simulation.market import LATENCIES, Market
from order_engine.simulation.pools import VENUES
from order_engine.simulation.traders import Flow
from order_engine.simulation.venue import SimulatedVenue


def venues(latency: str | None = None) -> tuple[Sequence[Venue], float]:
    """The venues, and how many seconds each may take. `latency` is that of the environment unless it is given."""
    market = _market(latency or _latency())
    return [SimulatedVenue(name, market) for name in VENUES], market.latency.deadline


def chain() -> Chain:
    return SimulatedChain(_market(_latency()))


def _latency() -> str:
    return settings.one_of("MARKET_LATENCY", LATENCIES)


@cache
def _market(latency: str) -> Market:
    chosen = LATENCIES[latency]
    flow = Flow(settings.integer("MARKET_DRIFT_BPS"), settings.integer("MARKET_SEED"))
    return Market(stores.database(), Faults(stores.database(), chosen.deadline), chosen, flow)
