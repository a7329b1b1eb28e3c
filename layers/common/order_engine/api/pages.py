"""A page and the files that it loads, at addresses that caches may keep for ever."""

from __future__ import annotations

import hashlib
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from order_engine.api.rest import response
from order_engine.domain.errors import NotFound

_CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


class Content(NamedTuple):
    type: str
    text: str


class Page:
    """The page in `folder`: `index.html`, a template, and the text files that it loads.

    Their addresses contain `version`, a digest of all files: the content of an address never changes.
    """

    def __init__(self, folder: Path) -> None:
        files = {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
        self._template = Template(files.pop("index.html"))
        self._files = files
        digest = hashlib.sha256()
        for name, text in files.items():
            digest.update(hashlib.sha256(name.encode()).digest() + hashlib.sha256(text.encode()).digest())
        self.version = digest.hexdigest()[:16]

    def scripts(self) -> list[str]:
        return [name for name in self._files if name.endswith(".js")]

    def html(self, assets: str, **values: str) -> str:
        """The page that finds its files below the path `assets`. `values` are HTML."""
        return self._template.substitute(assets=escape(f"{assets}/{self.version}"), **values)

    def file(self, version: str, name: str) -> Content:
        """A file of the page. Raises `NotFound`, also for another version."""
        if version != self.version or name not in self._files:
            raise NotFound(f"no file {name[:60]!r} in version {version[:60]!r} of the page")
        return Content(_CONTENT_TYPES[Path(name).suffix], self._files[name])


def page_response(event: APIGatewayProxyEvent, html: str, csp: str) -> Response[str]:
    """The page, or 304 for a browser that has it. A browser asks each time."""
    tag = f'"{hashlib.sha256(html.encode()).hexdigest()[:16]}"'
    status, body = (304, "") if tag in event.headers.get("if-none-match", "") else (200, html)
    caching = {"Cache-Control": "no-cache", "ETag": tag}
    return response(status, "text/html; charset=utf-8", body, csp, **caching)


def file_response(content: Content) -> Response[str]:
    caching = {"Cache-Control": "public, max-age=31536000, immutable"}
    return response(200, f"{content.type}; charset=utf-8", content.text, **caching)
