"""The dashboard's page and files, and its Content-Security-Policy."""

from __future__ import annotations

import hashlib
import json
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple
from urllib.parse import urlsplit

from order_engine.domain.errors import NotFound
from order_engine.domain.lifecycle import FINAL, Status, Trigger, sources
from order_engine.domain.orders import DEFAULT_MAX_PRICE_IMPACT_BPS
from order_engine.domain.tokens import TOKENS

_CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Content(NamedTuple):
    type: str
    text: str


class Dashboard:
    """The page in `folder`: `index.html` and the text files that it loads.

    Their addresses contain `version`, a digest of all files: the content of an address never changes.
    """

    def __init__(self, folder: Path, websocket_url: str) -> None:
        files = {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
        self._page = Template(files.pop("index.html"))
        self._files = files
        self._websocket_url = websocket_url
        self.version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
        websocket = urlsplit(websocket_url)
        self.csp = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none';"
            " form-action 'none'; frame-ancestors 'none';"
            f" connect-src 'self' {websocket.scheme}://{websocket.netloc}"
        )

    def page(self, root: str) -> str:
        """The page for a browser that reaches the API at the path `root`, which has no trailing slash."""
        assets = escape(f"{root}/assets/{self.version}")
        # Preloads all modules at once. Otherwise each loads only when another one imports it.
        preloads = (
            f'<link rel="modulepreload" href="{assets}/{name}">' for name in self._files if name.endswith(".js")
        )
        engine = {
            "api": root,
            "webSocketUrl": self._websocket_url,
            "tokens": {token.symbol: token.decimals for token in TOKENS.values()},
            "statuses": list(Status),
            "final": sorted(FINAL),
            "cancellable": sources(Trigger.CANCEL),
            "maxPriceImpactBps": DEFAULT_MAX_PRICE_IMPACT_BPS,
        }
        return self._page.substitute(assets=assets, engine=escape(json.dumps(engine)), preloads="\n    ".join(preloads))

    def file(self, version: str, name: str) -> Content:
        """A file of the page. Raises `NotFound`, also for another version."""
        if version != self.version or name not in self._files:
            raise NotFound(f"no file {name[:60]!r} in version {version[:60]!r} of the page")
        return Content(_CONTENT_TYPES[Path(name).suffix], self._files[name])


def etag(text: str) -> str:
    """The entity tag of a text, as in `ETag` and `If-None-Match`."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
