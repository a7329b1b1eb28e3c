"""Orders in a terminal."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType

from client.engine import Json
from client.views import order_view, orders_view
from tests.unit.client.services import ORDER

CONFIRMED: Json = {
    "orderId": ORDER, "status": "confirmed", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5",
    "quotedOut": "254.5", "minOut": "253.2", "slippageBps": 50, "amountOut": "254.1", "executedPrice": "169.4",
    "venue": "meteora", "txHash": "5dePck" + "x" * 82, "clientOrderId": None, "quoteId": None, "error": None,
    "createdAt": "2026-11-20T19:32:20.362Z",
}  # fmt: skip


def printed(view: RenderableType) -> str:
    """Returns the view in 80 columns, without its spaces and line breaks."""
    terminal = Console(file=io.StringIO(), width=80)
    terminal.print(view)
    assert isinstance(terminal.file, io.StringIO)
    return "".join(terminal.file.getvalue().split())


def test_a_narrow_terminal_shows_the_whole_transaction_signature() -> None:
    assert CONFIRMED["txHash"] in printed(order_view(CONFIRMED))


def test_a_narrow_terminal_shows_the_whole_order_id_in_a_list() -> None:
    listed = printed(orders_view({"orders": [CONFIRMED], "nextCursor": None}))
    parts = ORDER.rsplit("-", 2)
    assert "…" not in listed
    assert all(part in listed for part in (*parts[0].split("-")[:3], parts[2][-8:]))
