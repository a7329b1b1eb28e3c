"""The API reference: a page for each description, which Redoc renders, and its Content-Security-Policy."""

from __future__ import annotations

from html import escape

from order_engine.api.pages import Page

# Redoc adds its styles as rules, to a style element that is empty: the hash is that of the empty text.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=';"
    " img-src 'self' data:; font-src data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class Reference(Page):
    """The pages in a folder: of the REST API's description, `openapi`, and the WebSocket API's, `asyncapi`."""

    def page(self, root: str, description: str) -> str:
        """The page for a browser that reaches the API at the path `root`, which has no trailing slash."""
        titles = {"openapi": "REST API", "asyncapi": "WebSocket API"}
        current = {f"{name}_current": 'aria-current="page"' if name == description else "" for name in titles}
        return self.html(
            f"{root}/docs/assets", root=escape(root), description=description, title=titles[description], **current
        )
