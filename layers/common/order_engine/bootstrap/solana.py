"""The market on Solana: its venue, its chain, and the wallet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from order_engine.aws.observability import warn
from order_engine.bootstrap import aws, market, settings
from order_engine.domain.errors import ChainRefused, VenueUnavailable
from order_engine.ports import Venue
from order_engine.solana.addresses import address, encode
from order_engine.solana.chain import SolanaChain
from order_engine.solana.deployments import Deployment, deployment
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.nodes import DEADLINE_SECONDS, Nodes
from order_engine.solana.pools import PoolReader
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Keypair, RemoteSigner, Signer, WalletKeyError
from order_engine.solana.wallet import SolanaWallet

if TYPE_CHECKING:
    from order_engine.services.discovery import Discovery
    from order_engine.solana.limits import TransactionLimits
    from order_engine.solana.mints import SolanaMints
    from order_engine.solana.venue import SolanaVenue
    from order_engine.storage.pools import PostgresPoolRegistry


def venue() -> Venue:
    """Answers for all programs."""
    from order_engine.services.venues import Venues

    # It may ask twice, for a pool that has moved. A node that trickles its answer keeps it waiting for longer.
    return Venues([_venue()], 2 * DEADLINE_SECONDS)


@cache
def chain() -> SolanaChain:
    return SolanaChain(
        rpc=_rpc(),
        deployment=_deployment(),
        registry=registry(),
        wallet=wallet(),
        signer=_signer,
        tables=_lookup_tables(),
        max_priority_fee=settings.integer("MAX_PRIORITY_FEE_LAMPORTS"),
    )


@cache
def limits() -> TransactionLimits:
    from order_engine.solana.limits import TransactionLimits

    return TransactionLimits(_deployment(), _venue().last, _lookup_tables())


@cache
def wallet() -> SolanaWallet | None:
    """The engine's wallet; `None` if only clients sign."""
    own = settings.optional("WALLET_ADDRESS")
    return SolanaWallet(_rpc(), _deployment(), address(own)) if own else None


def wallet_at(address: str) -> SolanaWallet:
    """Raises `ValueError` for text that is not the address of a wallet."""
    return SolanaWallet.at(address, _rpc(), _deployment())


@cache
def mints() -> SolanaMints:
    from order_engine.solana.mints import SolanaMints

    return SolanaMints(_rpc(), _deployment())


@cache
def registry() -> PostgresPoolRegistry:
    from order_engine.bootstrap import stores
    from order_engine.storage.pools import PostgresPoolRegistry

    return PostgresPoolRegistry(stores.database(), settings.required("SOLANA_CLUSTER"))


@cache
def discovery() -> Discovery:
    from order_engine.services.discovery import Discovery
    from order_engine.solana.pool_source import SolanaPools

    return Discovery(source=SolanaPools(_rpc(), _deployment()), registry=registry())


@cache
def _rpc() -> Rpc:
    urls = settings.required("SOLANA_RPC_URL")
    if _service(urls) == "secretsmanager":
        urls = _secret(urls)
    return Rpc(Nodes(urls, market.name(), warn=warn))


def _deployment() -> Deployment:
    return deployment(market.name())


@cache
def _venue() -> SolanaVenue:
    from order_engine.solana.venue import SolanaVenue

    return SolanaVenue(registry(), PoolReader(_rpc(), _deployment()), warn)


@cache
def _lookup_tables() -> LookupTables:
    given = settings.optional("LOOKUP_TABLES") or ""
    return LookupTables(_rpc(), [address(table.strip()) for table in given.split(",") if table.strip()])


@cache
def _signer() -> Signer:
    """The wallet's key. Raises `ChainRefused` for one that can't be read, or is that of another wallet."""
    own, key = settings.required("WALLET_ADDRESS"), settings.required("WALLET_KEY")
    service = _service(key)
    if service == "kms":
        return RemoteSigner(address(own), partial(_sign, key))
    try:
        signer = Keypair.from_secret(_secret(key), key) if service == "secretsmanager" else Keypair.from_file(Path(key))
    except (WalletKeyError, RuntimeError) as error:
        # Clients see what is raised here, and must not learn where the key is.
        warn(f"the wallet's key can't be read: {error}")
        raise ChainRefused(f"expected a readable key of wallet {own}, was none: the engine's log says why") from error
    if encode(signer.address) != own:
        raise ChainRefused(f"expected the key of wallet {own}, was that of {encode(signer.address)}")
    return signer


def _secret(arn: str) -> str:
    with _told_to_the_log():
        return aws.secret(arn)


def _sign(key: str, message: bytes) -> bytes:
    with _told_to_the_log():
        return aws.kms_key(key).sign(message)


@contextmanager
def _told_to_the_log() -> Iterator[None]:
    """Clients see what is raised here, and must not learn the names of keys, roles and accounts."""
    try:
        yield
    except VenueUnavailable as error:
        warn(str(error))
        raise VenueUnavailable(
            "expected an answer of AWS's key services, was none: the engine's log says why"
        ) from error


def _service(value: str) -> str | None:
    """The service of AWS whose ARN it is; `None` for anything else."""
    parts = value.split(":")
    return parts[2] if parts[0] == "arn" and len(parts) > 2 else None
