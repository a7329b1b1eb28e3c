"""The Lambda authorizer: of the REST API by key, of the WebSocket API's $connect by key or ticket."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.callers import authenticate, authorizer_context
from order_engine.aws.observability import logger
from order_engine.bootstrap import services
from order_engine.domain.errors import Unauthorized

authentication = services.authentication()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        caller = authenticate(authentication, event)
    except Unauthorized:
        # API Gateway answers 401 to exactly this message, and 500 to any other.
        raise RuntimeError("Unauthorized") from None
    # The whole stage: API Gateway caches this policy and applies it to the key's other requests.
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stage}/*"}
    return {
        "principalId": str(caller.client_id),
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": authorizer_context(caller),
    }
