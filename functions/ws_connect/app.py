"""WebSocket API: $connect, $disconnect and every message; replays missed events to new connections, from a queue."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.callers import caller_of
from order_engine.api.errors import error_view, status_of
from order_engine.api.requests import check_query
from order_engine.aws.observability import logger
from order_engine.bootstrap import services
from order_engine.domain.errors import EngineError

replays = BatchProcessor(EventType.SQS)
websocket = services.websocket()


def replay(record: SQSRecord) -> None:
    message = json.loads(record.body)
    age = time.time() - int(record.attributes.sent_timestamp) / 1000
    websocket.replay(message["connectionId"], UUID(message["clientId"]), UUID(message["orderId"]), age)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    if "Records" in event:
        return process_partial_response(event, replay, replays, context)
    request = event["requestContext"]
    connection_id = request["connectionId"]
    logger.append_keys(connectionId=connection_id)
    match request["eventType"]:
        case "CONNECT":
            origin = {name.lower(): value for name, value in event["headers"].items()}.get("origin")
            try:
                order_id = check_query(event, "orderId", "ticket").get("orderId")
                websocket.connect(caller_of(request), connection_id, order_id, origin)
            except EngineError as error:
                return {"statusCode": status_of(error), "body": json.dumps(error_view(error))}
        case "DISCONNECT":
            websocket.disconnect(connection_id)
        case "MESSAGE":
            websocket.receive(caller_of(request), connection_id, event.get("body") or "")
    return {"statusCode": 200}
