"""Recovers stalled orders and closes connections of revoked keys, on a schedule; fails the orders of dead letters."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import services

dead_letters = BatchProcessor(EventType.SQS)
recovery = services.recovery()

RESERVE_SECONDS = 9
"""How long the last call to the queue or to a connection may take, with its retries."""


def give_up(record: SQSRecord) -> None:
    recovery.give_up(UUID(json.loads(record.body)["orderId"]))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    if "Records" in event:
        return process_partial_response(event, give_up, dead_letters, context)
    enqueued, closed = recovery.sweep(context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS)
    if enqueued:
        # CloudWatch takes no line with thousands of ids.
        logger.warning("enqueued stalled orders", extra={"count": len(enqueued), "orderIds": enqueued[:100]})
    if closed:
        logger.info("closed connections", extra={"connectionIds": closed})
    return {"enqueued": len(enqueued), "closed": len(closed)}
