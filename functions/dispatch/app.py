"""SQS consumer: one message is one running order."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import services

messages = BatchProcessor(EventType.SQS)
dispatch = services.dispatch()


def run_order(record: SQSRecord, lambda_context: LambdaContext) -> None:
    message = json.loads(record.body)
    order_id = UUID(message["orderId"])
    logger.set_correlation_id(str(order_id))
    # Missing in messages that were sent before a deployment: then the run publishes all events again.
    dispatch.run(order_id, lambda_context.aws_request_id, message.get("publishedSeq", 0))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    return process_partial_response(event, run_order, messages, context)
