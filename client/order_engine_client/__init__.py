"""A client of the order execution engine: quotes, orders and their events, for asyncio and without."""

from order_engine_client.asynchronous import AsyncClient
from order_engine_client.blocking import Client
from order_engine_client.errors import (
    AccessDenied,
    BadRequest,
    ClientError,
    Conflict,
    Impossible,
    NotFound,
    RateLimited,
    Refused,
    Unavailable,
    Unreachable,
)
from order_engine_client.models import (
    LimitOrder,
    MarketOrder,
    NewTerms,
    OcoOrder,
    RecurringOrder,
    SignedOrder,
    SniperOrder,
    StopOrder,
)
from order_engine_client.signing import Signer
from order_engine_client.transport import FINAL

__all__ = [
    "FINAL",
    "AccessDenied",
    "AsyncClient",
    "BadRequest",
    "Client",
    "ClientError",
    "Conflict",
    "Impossible",
    "LimitOrder",
    "MarketOrder",
    "NewTerms",
    "NotFound",
    "OcoOrder",
    "RateLimited",
    "RecurringOrder",
    "Refused",
    "SignedOrder",
    "Signer",
    "SniperOrder",
    "StopOrder",
    "Unavailable",
    "Unreachable",
]
