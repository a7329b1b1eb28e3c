"""REST API: the addresses that get the events of a client's orders."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.rest import api
from order_engine.api.webhooks import add_webhooks
from order_engine.aws.observability import logger
from order_engine.bootstrap import services, stores

app = api()
add_webhooks(app, store=stores.webhooks(), webhooks=services.webhooks())


# Logs neither the event nor the answer, which may contain a secret.
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
