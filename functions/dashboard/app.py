"""REST API: the dashboard, a page that asks the two APIs for everything it shows, with its user's key."""

from __future__ import annotations

import hashlib
import json
from html import escape
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine import settings
from order_engine.domain.errors import NotFound
from order_engine.domain.lifecycle import FINAL, Status, Trigger, sources
from order_engine.domain.money import TOKENS
from order_engine.observability import logger
from order_engine.rest import api, response

CONTENT_TYPES = {".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"

app = api()
websocket = settings.required("WEBSOCKET_URL")
files = {path.name: path.read_text("utf-8") for path in sorted((Path(__file__).parent / "page").iterdir())}
page = Template(files.pop("index.html"))
version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
engine = {
    "webSocketUrl": websocket,
    "tokens": list(TOKENS),
    "statuses": list(Status),
    "final": sorted(FINAL),
    "cancellable": sources(Trigger.CALLED_OFF),
}
csp = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    f" frame-ancestors 'none'; connect-src 'self' {urlsplit(websocket)._replace(path='', query='').geturl()}"
)


@app.get("/")
def get_page() -> Response[str]:
    # The API's address as the browser sees it, with the stage, and with or without a slash at its end.
    root = app.current_event.request_context.path.rstrip("/")
    assets = escape(f"{root}/assets/{version}")
    # All modules at once, and not each when another one names it.
    preloads = (f'<link rel="modulepreload" href="{assets}/{name}">' for name in files if name.endswith(".js"))
    told = escape(json.dumps({**engine, "api": root}))
    html = page.substitute(assets=assets, engine=told, preloads="\n    ".join(preloads))
    tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"'
    caching = {"Cache-Control": "no-cache", "ETag": tag}
    if tag in app.current_event.headers.get("if-none-match", ""):
        return response(304, "text/html; charset=utf-8", "", csp, **caching)
    return response(200, "text/html; charset=utf-8", html, csp, **caching)


@app.get("/assets/<of_version>/<name>")
def get_asset(of_version: str, name: str) -> Response[str]:
    if of_version != version or name not in files:
        raise NotFound(f"expected a file of the page as it is now, was {name[:60]!r} of {of_version[:60]!r}")
    kind = CONTENT_TYPES[Path(name).suffix]
    return response(200, f"{kind}; charset=utf-8", files[name], **{"Cache-Control": FOR_EVER})


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
