"""Requests to addresses that clients choose. They need neither a store nor the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from order_engine.bootstrap import settings

if TYPE_CHECKING:
    from order_engine.outbound.posting import Posting
    from order_engine.outbound.targets import Targets

POSTING_SECONDS = 10.0
"""How long a receiver of webhooks may take to answer, from the connection on."""


def targets() -> Targets:
    from order_engine.outbound.targets import Targets

    return Targets(public_only=settings.one_of("WEBHOOK_TARGETS", ("public", "any")) == "public")


def posting() -> Posting:
    from order_engine.outbound.posting import Posting

    return Posting(targets(), POSTING_SECONDS)
