"""Posts one message to a webhook. It reaches the internet, and nothing of the engine's."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import outbound

posting = outbound.posting()


# Logs neither the event nor the answer: the address may contain a secret.
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return {"refusal": posting.post(event["url"], event["headers"], event["body"])}
