"""Watches the market for orders that wait: on a schedule, and woken by the first order."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger, measure
from order_engine.bootstrap import services

watcher = services.watcher()

RESERVE_SECONDS = 25
"""How long the last tick may take, with the activation of as many orders as it finds."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    seconds = context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
    # A schedule's run takes over from the one before. One that an order has woken is not needed if another one watches.
    watched = watcher.watch(context.aws_request_id, seconds, wait=event.get("source") == "aws.scheduler")
    if watched.ticks:
        measure("OpenOrders", "Count", [watched.open])
        measure("WatchTick", "Milliseconds", [seconds * 1000 for seconds in watched.ticks])
    report = {**asdict(watched), "ticks": len(watched.ticks), "longestTick": max(watched.ticks, default=0)}
    if watched.activated or watched.sliced or watched.expired:
        logger.info("orders have waited long enough", extra=report)
    return report
