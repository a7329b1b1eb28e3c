"""REST API: its own description and the WebSocket API's, as they are in docs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.rest import api, response
from order_engine.aws.observability import logger

app = api()


@app.get("/<name>.json")
def get_description(name: str) -> Response[str]:
    # The template has routes only for names of existing files.
    return response(200, "application/json", Path(__file__).with_name(f"{name}.json").read_text())


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
