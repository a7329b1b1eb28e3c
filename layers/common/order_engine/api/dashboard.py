"""The dashboard's page, and its Content-Security-Policy."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from order_engine.api.pages import Page
from order_engine.domain.lifecycle import FINAL, Status, Trigger, sources
from order_engine.domain.orders import DEFAULT_MAX_PRICE_IMPACT_BPS
from order_engine.domain.tokens import TOKENS


class Dashboard(Page):
    """The dashboard in `folder`. `executions_url` shows the executions of the order whose id is added to it."""

    def __init__(self, folder: Path, websocket_url: str, executions_url: str | None) -> None:
        super().__init__(folder)
        self._executions_url = executions_url
        self._websocket_url = websocket_url
        websocket = urlsplit(websocket_url)
        self.csp = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none';"
            " form-action 'none'; frame-ancestors 'none';"
            f" connect-src 'self' {websocket.scheme}://{websocket.netloc}"
        )

    def page(self, root: str) -> str:
        """The page for a browser that reaches the API at the path `root`, which has no trailing slash."""
        assets = f"{root}/assets"
        # Preloads all modules at once. Otherwise each loads only when another one imports it.
        preloads = (
            f'<link rel="modulepreload" href="{escape(f"{assets}/{self.version}/{name}")}">' for name in self.scripts()
        )
        engine = {
            "api": root,
            "webSocketUrl": self._websocket_url,
            "executionsUrl": self._executions_url,
            "tokens": {token.symbol: token.decimals for token in TOKENS.values()},
            "statuses": list(Status),
            "final": sorted(FINAL),
            "cancellable": sources(Trigger.CANCEL),
            "maxPriceImpactBps": DEFAULT_MAX_PRICE_IMPACT_BPS,
        }
        return self.html(assets, engine=escape(json.dumps(engine)), preloads="\n    ".join(preloads))
