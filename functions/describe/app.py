"""REST API: its own description and the WebSocket API's, as they are in docs/, and as pages to read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.pages import file_response, page_response
from order_engine.api.reference import CSP, Reference
from order_engine.api.rest import api, response
from order_engine.aws.observability import logger

app = api()


@cache
def reference() -> Reference:
    # These files are 2 MB, and the descriptions do not need them.
    return Reference(Path(__file__).parent / "page")


@app.get("/<name>.json")
def get_description(name: str) -> Response[str]:
    # The template has routes only for names of existing files.
    return response(200, "application/json", Path(__file__).with_name(f"{name}.json").read_text())


@app.get("/docs")
def get_rest_page() -> Response[str]:
    return page("openapi")


@app.get("/docs/websocket")
def get_websocket_page() -> Response[str]:
    return page("asyncapi")


@app.get("/docs/assets/<version>/<name>")
def get_asset(version: str, name: str) -> Response[str]:
    return file_response(reference().file(version, name))


def page(description: str) -> Response[str]:
    # The path as the browser sees it: with the stage.
    root = app.current_event.request_context.path.partition("/docs")[0]
    return page_response(app.current_event, reference().page(root, description), CSP)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
