"""The market in which the engine trades: a cluster of Solana where `SOLANA_RPC_URL` is set, or the simulated one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from order_engine.bootstrap import settings
from order_engine.domain.markets import CLUSTERS, SIMULATED, SIMULATED_MARKET, MarketDescription, explorer
from order_engine.domain.tokens import connect

if TYPE_CHECKING:
    from order_engine.dex.routing import Limits
    from order_engine.ports import Chain, Fills, RateLimit, Signing, Statistics, Venue, Wallet
    from order_engine.services.discovery import Discovery
    from order_engine.services.listings import Listings
    from order_engine.services.tokens import Tokens
    from order_engine.services.wallets import Wallets
    from order_engine.simulation.mints import SimulatedMints
    from order_engine.solana.mints import SolanaMints


def name() -> str:
    """The market's name, as clients see it."""
    return CLUSTERS[settings.one_of("SOLANA_CLUSTER", CLUSTERS)] if _on_solana() else SIMULATED


def description() -> MarketDescription:
    if not _on_solana():
        return SIMULATED_MARKET
    from order_engine.solana.deployments import deployment

    where = explorer(settings.required("SOLANA_CLUSTER"), settings.required("SOLANA_RPC_URL"))
    tokens = list(deployment(name()).mints)
    return MarketDescription(name(), where, settings.optional("WALLET_ADDRESS"), tokens)


def venue(latency: str | None = None) -> Venue:
    """Answers for all venues.

    `latency` is that of the simulated market, that of the environment unless it is given.
    """
    if _on_solana():
        from order_engine.bootstrap import solana

        return solana.venue()
    from order_engine.bootstrap import simulation

    return simulation.venue(latency)


def chain() -> Chain:
    if _on_solana():
        from order_engine.bootstrap import solana

        return solana.chain()
    from order_engine.bootstrap import simulation

    return simulation.chain()


def mints() -> SolanaMints | SimulatedMints:
    """The mints of the market, of tokens without a symbol too."""
    if _on_solana():
        from order_engine.bootstrap import solana

        return solana.mints()
    from order_engine.bootstrap import stores
    from order_engine.simulation.mints import SimulatedMints

    return SimulatedMints(stores.database())


@cache
def tokens() -> Tokens:
    from order_engine.bootstrap import stores
    from order_engine.services.tokens import Tokens

    return Tokens(stores.tokens(), mints())


# Any function may meet a token without a symbol, in an order, an event or a fill. Few do.
connect(tokens)


@cache
def listings() -> Listings:
    """The market's tokens, and its pools as they stand now."""
    from order_engine.bootstrap import stores
    from order_engine.services.listings import Listings

    registry = None
    if _on_solana():
        from order_engine.bootstrap import solana

        registry = solana.registry()
    return Listings(
        market=description(),
        venue=venue(),
        registry=registry,
        store=stores.tokens(),
        mints=mints(),
        rate_limit=_quote_limit(),
    )


def fills() -> Fills:
    """What clients have paid and received."""
    from order_engine.bootstrap import stores

    return stores.fills()


def statistics() -> Statistics:
    """What clients' orders have come to."""
    from order_engine.bootstrap import stores

    return stores.statistics()


def limits() -> Limits | None:
    """What a transaction has room for; `None` on the simulated market, whose transactions have room for any route."""
    if not _on_solana():
        return None
    from order_engine.bootstrap import solana

    return solana.limits()


def wallet() -> Wallet | None:
    """The engine's wallet; `None` without one, and on the simulated market, where swaps cost nothing."""
    if not _on_solana():
        return None
    from order_engine.bootstrap import solana

    return solana.wallet()


def wallets() -> Wallets:
    from order_engine.services.wallets import Wallets

    if not _on_solana():
        return Wallets(own=None, at=None, rate_limit=_quote_limit)
    from order_engine.bootstrap import solana

    return Wallets(own=solana.wallet(), at=solana.wallet_at, rate_limit=_quote_limit)


def signing() -> Signing | None:
    """What clients sign; `None` on the simulated market, where nothing is signed."""
    if not _on_solana():
        return None
    from order_engine.bootstrap import solana

    return solana.chain()


def discovery() -> Discovery | None:
    """Finds pools; `None` on the simulated market, which has all its pools from the start."""
    if not _on_solana():
        return None
    from order_engine.bootstrap import solana

    return solana.discovery()


def _quote_limit() -> RateLimit:
    # Imports the stores' clients, which few requests need.
    from order_engine.bootstrap import stores

    return stores.quote_limit()


def _on_solana() -> bool:
    return settings.optional("SOLANA_RPC_URL") is not None
