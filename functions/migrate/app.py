"""A custom resource: migrates the database at every deployment, and adds the development key.

It connects as the owner of the tables. The other functions may connect as a role that can't alter them.
"""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import schema, stores
from order_engine.domain.access import DEPLOYMENT, Scope


def migrate(development_key: str) -> None:
    schema.migrate()
    schema.create_pools()
    if development_key:
        stores.clients().add_key("development", development_key, Scope.ADMIN, actor=DEPLOYMENT)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"PhysicalResourceId": "schema", "Status": "SUCCESS"}
    try:
        # Deleting the stack keeps the data.
        if event["RequestType"] != "Delete":
            migrate(event["ResourceProperties"].get("DevelopmentKey", ""))
    except Exception as error:
        # Without an answer the deployment would wait until it times out.
        logger.exception("the database could not be brought up to date")
        answer |= {"Status": "FAILED", "Reason": f"{type(error).__name__}: {error}"[:1000]}
    # No content type: the URL is signed for a request without one.
    request = urllib.request.Request(
        event["ResponseURL"], json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    urllib.request.urlopen(request, timeout=10).close()
