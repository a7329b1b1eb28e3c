"""State: quote the venues and choose."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import services
from order_engine.domain.runs import Run

execution = services.execution()
# Before the first event.
services.router()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(event["order"]["order_id"])
    return execution.route(Run.load(event["order"], event["attempt"])).dump()
