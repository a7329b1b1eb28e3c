"""Lambda authorizer of the REST API, by key, and of the WebSocket API's $connect, by key or ticket."""

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
        # API Gateway's word for 401. It takes anything else for an error of the authorizer's own.
        raise RuntimeError("Unauthorized") from None
    # The whole stage: the answer to one request is kept for a while, and stands for the key's others.
    stage = "/".join(event["methodArn"].split("/")[:2])
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": f"{stage}/*"}
    return {
        "principalId": str(caller.client_id),
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": authorizer_context(caller),
    }
