"""REST API: the dashboard, a page that calls both APIs with the user's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.dashboard import Dashboard
from order_engine.api.pages import file_response, page_response
from order_engine.api.rest import api
from order_engine.aws.observability import logger
from order_engine.bootstrap import settings

app = api()
dashboard = Dashboard(
    Path(__file__).parent / "page", settings.required("WEBSOCKET_URL"), settings.optional("EXECUTIONS_URL")
)


@app.get("/")
def get_page() -> Response[str]:
    # The path as the browser sees it: with the stage, and with or without a final slash.
    root = app.current_event.request_context.path.rstrip("/")
    return page_response(app.current_event, dashboard.page(root), dashboard.csp)


@app.get("/assets/<version>/<name>")
def get_asset(version: str, name: str) -> Response[str]:
    return file_response(dashboard.file(version, name))


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
