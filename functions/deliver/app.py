"""Delivers events to webhooks: on a schedule, and woken by the first webhook."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger, measure
from order_engine.bootstrap import services
from order_engine.services.delivering import ENDING_SECONDS

deliverer = services.deliverer()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    done = deliverer.run(context.get_remaining_time_in_millis() / 1000 - ENDING_SECONDS)
    if done.delivered or done.failed:
        measure("WebhooksDelivered", "Count", [done.delivered])
        measure("WebhooksFailed", "Count", [done.failed])
    return asdict(done)
