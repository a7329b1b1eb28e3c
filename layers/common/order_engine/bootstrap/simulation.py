"""The simulated market: its venue and its chain."""

from __future__ import annotations

from functools import cache

from order_engine.bootstrap import settings, stores
from order_engine.ports import Chain, Venue
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import Faults
from order_engine.simulation.market import LATENCIES, Market
from order_engine.simulation.traders import Flow
from order_engine.simulation.venue import SimulatedVenue


def venue(latency: str | None = None) -> Venue:
    """Answers for all venues. `latency` is that of the environment unless it is given."""
    return SimulatedVenue(_market(latency or _latency()))


def chain() -> Chain:
    return SimulatedChain(_market(_latency()))


def _latency() -> str:
    return settings.one_of("MARKET_LATENCY", LATENCIES)


@cache
def _market(latency: str) -> Market:
    chosen = LATENCIES[latency]
    flow = Flow(settings.integer("MARKET_DRIFT_BPS"), settings.integer("MARKET_SEED"))
    return Market(stores.database(), Faults(stores.database(), chosen.deadline), chosen, flow)
