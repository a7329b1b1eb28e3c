"""The dashboard's page and its files, and what they may do in a browser."""

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
from order_engine.domain.money import TOKENS

_CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Content(NamedTuple):
    type: str
    text: str


class Dashboard:
    """`folder` holds `index.html` and the files that it loads, text all of them.

    The files' addresses contain `version`, a digest of them all: what is behind one never changes.
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
        """The page for a browser that finds the API at the path `root`, which ends without a slash."""
        assets = escape(f"{root}/assets/{self.version}")
        # All modules at once, and not each when another one names it.
        preloads = (
            f'<link rel="modulepreload" href="{assets}/{name}">' for name in self._files if name.endswith(".js")
        )
        engine = {
            "api": root,
            "webSocketUrl": self._websocket_url,
            "tokens": list(TOKENS),
            "statuses": list(Status),
            "final": sorted(FINAL),
            "cancellable": sources(Trigger.CALLED_OFF),
        }
        return self._page.substitute(assets=assets, engine=escape(json.dumps(engine)), preloads="\n    ".join(preloads))

    def file(self, version: str, name: str) -> Content:
        """Raises `NotFound`, also for a version that this is not."""
        if version != self.version or name not in self._files:
            raise NotFound(f"expected a file of the page as it is now, was {name[:60]!r} of {version[:60]!r}")
        return Content(_CONTENT_TYPES[Path(name).suffix], self._files[name])


def tag_of(text: str) -> str:
    """An entity tag as it stands in `ETag` and `If-None-Match`."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
