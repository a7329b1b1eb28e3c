"""REST API: the dashboard, a page that calls both APIs with the user's key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.dashboard import Dashboard, etag
from order_engine.api.rest import api, response
from order_engine.aws.observability import logger
from order_engine.bootstrap import settings

app = api()
dashboard = Dashboard(Path(__file__).parent / "page", settings.required("WEBSOCKET_URL"))


@app.get("/")
def get_page() -> Response[str]:
    # The path as the browser sees it: with the stage, and with or without a final slash.
    page = dashboard.page(app.current_event.request_context.path.rstrip("/"))
    tag = etag(page)
    status, body = (304, "") if tag in app.current_event.headers.get("if-none-match", "") else (200, page)
    caching = {"Cache-Control": "no-cache", "ETag": tag}
    return response(status, "text/html; charset=utf-8", body, dashboard.csp, **caching)


@app.get("/assets/<version>/<name>")
def get_asset(version: str, name: str) -> Response[str]:
    kind, text = dashboard.file(version, name)
    caching = {"Cache-Control": "public, max-age=31536000, immutable"}
    return response(200, f"{kind}; charset=utf-8", text, **caching)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
