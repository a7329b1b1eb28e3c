"""Finds the pools that the engine may trade in on Solana, on a schedule."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import services

RESERVE_SECONDS = 10
"""How long the last question to a node may take."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return services.discover(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
