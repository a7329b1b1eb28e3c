"""The explorer's addresses on the HTTP server."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web
from solders.pubkey import Pubkey
from solders.signature import Signature

from localnet.explorer.frame import page
from localnet.explorer.markup import Html, html
from localnet.explorer.names import Names
from localnet.explorer.overview import address_page, home_page
from localnet.explorer.transaction import transaction_page
from localnet.node import Node

_STYLE = Path(__file__).parent / "static" / "explorer.css"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Explorer:
    """Serves the pages."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._names = Names({node.faucet.address: "Faucet", node.traders_address: "Other traders"})

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._home),
            web.get("/tx/{signature}", self._transaction),
            web.get("/address/{address}", self._address),
            web.get("/search", self._search),
            web.get("/explorer.css", self._style),
        ]

    async def _home(self, request: web.Request) -> web.Response:
        return _response("Overview", home_page(self._node))

    async def _transaction(self, request: web.Request) -> web.Response:
        text = request.match_info["signature"]
        try:
            signature = Signature.from_string(text)
        except ValueError:
            return _nothing("a signature", text)
        chain = self._node.chain
        landed = chain.transaction(signature, chain.tip)
        if landed is None:
            return _nothing("a transaction of this chain", text)
        return _response(
            f"Transaction {text[:8]}…", transaction_page(landed, chain.commitment(landed.slot), self._names)
        )

    async def _address(self, request: web.Request) -> web.Response:
        text = request.match_info["address"]
        try:
            address = Pubkey.from_string(text)
        except ValueError:
            return _nothing("an address", text)
        return _response(f"Address {text[:8]}…", address_page(self._node, address, self._names))

    async def _search(self, request: web.Request) -> web.Response:
        text = request.query.get("q", "").strip()
        for kind, parse in (("tx", Signature.from_string), ("address", Pubkey.from_string)):
            try:
                raise web.HTTPFound(f"/{kind}/{parse(text)}")
            except ValueError:
                continue
        return _nothing("a signature or an address", text)

    async def _style(self, request: web.Request) -> web.Response:
        return web.Response(text=_STYLE.read_text(), content_type="text/css", headers=_HEADERS)


def _response(title: str, content: Html, status: int = 200) -> web.Response:
    return web.Response(text=page(title, content), status=status, content_type="text/html", headers=_HEADERS)


def _nothing(expected: str, text: str) -> web.Response:
    content = html(
        '<h1>Not found</h1><p class="empty">Expected {expected}, was <span class="mono">{text}</span></p>',
        expected=expected,
        text=text[:200],
    )
    return _response("Not found", content, 404)
