"""Orders, quotes, events, the market and the wallet as text for a terminal."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from order_engine_cli.waiting import distance, progress, remaining, waits_for

Json = dict[str, Any]

STYLES = {"confirmed": "bold green", "failed": "bold red", "cancelled": "bold yellow", "expired": "bold yellow"}
FOUND = {"limitMet": "limit met", "stopReached": "stop reached", "poolFound": "pool found"}
REAL_MONEY = "Mainnet"


def order_view(order: Json, current: Json | None = None) -> RenderableType:
    """`current` is the engine's market, whose explorer shows the transaction of an order in that market."""
    table = _facts()
    _row(table, "order", order["orderId"])
    _row(table, "market", market(order["market"]))
    _row(table, "status", status(order["status"]))
    _row(table, "pays", f"{order['amountIn']} {order['tokenIn']}")
    if order["status"] == "open":
        _row(table, "waits", waits_for(order))
    if order["type"] == "recurring":
        _row(table, "slices", progress(order))
    if order["terms"]:
        _row(table, "expires", order["expiresAt"] or "never")
    if order["amountSpent"] and order["amountSpentBaseUnits"] != order["amountInBaseUnits"]:
        _row(table, "spent", f"{order['amountSpent']} {order['tokenIn']}; the rest stayed in the wallet")
    if order["amountOut"]:
        paid = f"{order['amountOut']} {order['tokenOut']} at {order['executedPrice']}"
        _row(table, "received", paid)
    elif order["quotedOut"]:
        _row(table, "quoted", f"{order['quotedOut']} {order['tokenOut']}")
    if order["minOut"]:
        _row(table, "at least", f"{order['minOut']} {order['tokenOut']} ({order['slippageBps']} bps)")
    for title, name in (
        ("venue", "venue"),
        ("transaction", "txHash"),
        ("name", "clientOrderId"),
        ("quote", "quoteId"),
        ("slice of", "parentId"),
        ("linked with", "linkedOrderId"),
    ):
        _row(table, title, order[name])
    if current and order["txHash"] and order["market"] == current["market"]:
        _row(table, "explorer", _explorer(current, "transaction", "{signature}", order["txHash"]))
    if order["error"]:
        again = "; a new order may succeed later" if order["error"]["retryable"] else ""
        _row(table, "reason", f"{order['error']['code']}: {order['error']['message']}{again}")
    _row(table, "created", order["createdAt"])
    events = order.get("events", [])
    return Group(table, "", *(event_view(event, events[0]) for event in events)) if events else table


def quote_view(quote: Json) -> RenderableType:
    facts = _facts()
    _row(facts, "market", market(quote["market"]))
    _row(facts, "pays", f"{quote['amountIn']} {quote['tokenIn']}")
    _row(facts, "receives", f"[bold]{quote['amountOut']} {quote['tokenOut']}[/] at {quote['price']}", markup=True)
    _row(facts, "at least", f"{quote['minOut']} {quote['tokenOut']} ({quote['slippageBps']} bps)")
    _row(facts, "impact", f"{quote['priceImpactBps']} bps")
    fees = ", ".join(f"{fee['amount']} {fee['token']} {fee['kind']}" for fee in quote["fees"])
    _row(facts, "fees", fees or "none")
    if Decimal(quote["unspent"]):
        _row(facts, "unspent", f"{quote['unspent']} {quote['tokenIn']} stays in the wallet")
    _row(facts, "costs", _costs(quote) or None)
    _row(facts, "reason", quote["reason"])
    for missing in quote["unavailable"]:
        _row(facts, "unavailable", f"{missing['venue']}: {missing['message']}")
    _row(facts, "quote", f"{quote['quoteId']}, valid until {quote['expiresAt']}")
    routes = Table("route", "venue", *(_right(name) for name in (quote["tokenOut"], "price", "impact, bps")), box=None)
    for number, route in enumerate(quote["quotes"]):
        cells = (route["pools"], route["venue"], route["amountOut"], route["price"], str(route["priceImpactBps"]))
        routes.add_row(*map(escape, cells), style="bold" if number == 0 else "")
    return Group(facts, "", routes)


def orders_view(page: Json) -> RenderableType:
    """The market and the type have a column only if the orders are of several."""
    orders = page["orders"]
    if not orders:
        return Text("no orders")
    mixed = [name for name in ("market", "type") if len({order[name] for order in orders}) > 1]
    table = Table(
        _whole("order"), *mixed, "created", "status", _right("pays"), _right("receives"), "venue", "error", box=None
    )
    for order in orders:
        paid = order["amountOut"] or order["quotedOut"]
        table.add_row(
            order["orderId"],
            *(market(order[name]) for name in mixed),
            order["createdAt"][:19].replace("T", " "),
            status(order["status"]),
            f"{order['amountSpent'] or order['amountIn']} {order['tokenIn']}",
            f"{'' if order['amountOut'] else '~ '}{paid} {order['tokenOut']}" if paid else order["tokenOut"],
            order["venue"] or "",
            order["error"]["code"] if order["error"] else "",
        )
    notes = [] if "market" in mixed else [Text.assemble("on ", market(orders[0]["market"]))]
    return Group(table, *notes, *_more(page, "list"))


def open_view(page: Json, prices: dict[str, str]) -> RenderableType:
    """`prices` has what each order would get now for one whole token, by id: a price, or why it would get nothing."""
    if not page["orders"]:
        return Text("no open orders")
    table = Table(
        _whole("order"), "type", _right("pays"), "for", "waits", _right("now"), _right("to go"), "expires", box=None
    )
    for order in page["orders"]:
        price = prices.get(order["orderId"])
        if order["type"] == "recurring":
            left = progress(order)
        else:
            left = distance(order, price) if price and price[0].isdigit() else ""
        table.add_row(
            order["orderId"],
            order["type"],
            f"{order['amountIn']} {order['tokenIn']}",
            order["tokenOut"],
            waits_for(order),
            price or "",
            left,
            remaining(order["expiresAt"]),
        )
    return Group(table, *_more(page, "open"))


def _more(page: Json, command: str) -> list[Text]:
    return [Text(f"more: orders {command} --cursor {page['nextCursor']}")] if page["nextCursor"] else []


def market_view(current: Json) -> RenderableType:
    table, wallet = _facts(), current["wallet"]
    _row(table, "market", market(current["market"]))
    _row(table, "wallet", wallet)
    _row(table, "explorer", wallet and _explorer(current, "address", "{address}", wallet))
    _row(table, "tokens", ", ".join(current["tokens"]))
    return table


def wallet_view(wallet: Json, current: Json | None = None) -> RenderableType:
    """`current` is the engine's market, whose explorer shows the wallet."""
    facts = _facts()
    _row(facts, "market", market(wallet["market"]))
    _row(facts, "wallet", wallet["address"])
    if current:
        _row(facts, "explorer", _explorer(current, "address", "{address}", wallet["address"]))
    balances = Table("token", _right("balance"), box=None)
    for held in wallet["balances"]:
        balances.add_row(held["token"], held["amount"], style="" if Decimal(held["amount"]) else "dim")
    return Group(facts, "", balances)


def event_view(event: Json, first: Json) -> RenderableType:
    """Returns one line: seconds since the first event, the status, and what the step found or did."""
    seconds = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(first["at"])).total_seconds()
    line = Text(f"{seconds:8.3f} s  ")
    line.append(f"{event['status']:<10}", STYLES.get(event["status"], "bold"))
    line.append(f" {_description(event['status'], event['data'])}")
    return line


def status(name: str) -> Text:
    return Text(name, STYLES.get(name, ""))


def market(name: str) -> Text:
    return Text(f"{name} (real money)", "bold red") if name == REAL_MONEY else Text(name)


def _explorer(current: Json, kind: str, place: str, value: str) -> str | None:
    return str(current["explorer"][kind]).replace(place, value) if current["explorer"] else None


def _costs(costs: Json) -> str:
    """Returns what a transaction costs besides the amounts; nothing on the simulated market."""
    parts = ((costs["networkFee"], "SOL for the network"), (costs["rent"], "SOL of rent for new token accounts"))
    return " and ".join(f"{paid} {what}" for paid, what in parts if Decimal(paid))


def _description(status: str, data: Json) -> str:
    match status:
        case "open":
            return _opened(data)
        case "pending" if data["activation"]:
            found = data["activation"]
            return f"{FOUND[found['reason']]}: {found['amountOut']} {data['tokenOut']} at {found['price']}"
        case "pending":
            return f"{_swap(data)}, at most {data['slippageBps']} bps of slippage"
        case "routing":
            return f"{data['amountOut']} through {data['venue']}: {data['reason']}"
        case "building":
            return f"at least {data['minOut']}; {len(data['instructions'])} instructions; {data['txHash'][:8]}… signed"
        case "submitted":
            return f"{data['txHash'][:8]}… sent"
        case "confirmed":
            received = f"{data['amountOut']} received at {data['executedPrice']}"
            if data["txHash"] is None:
                return f"{received}, by its slices"
            costs = _costs(data)
            swapped = f"{received}, {data['realisedSlippageBps']} bps of slippage, in slot {data['slot']}"
            return f"{swapped}; {costs}" if costs else swapped
        case "failed":
            return f"{data['code']}: {data['message']}"
        case "expired":
            return f"waited until {data['expiresAt']}"
    return str(data.get("reason", "cancelled before anything was sent"))


def _opened(data: Json) -> str:
    if made := data["slice"]:
        return f"slice {made['number']} is order {made['orderId']}: {made['amountIn']} {data['tokenIn']}"
    because = f"{data['message']}; " if data["message"] else ""
    return f"{because}{_swap(data)}, waits {waits_for(data)}"


def _swap(data: Json) -> str:
    return f"{data['amountIn']} {data['tokenIn']} for {data['tokenOut']} on {data['market']}"


def _facts() -> Table:
    return Table("", _whole(""), show_header=False, box=None, padding=(0, 2, 0, 0))


def _row(table: Table, title: str, value: str | Text | None, markup: bool = False) -> None:
    if value is not None:
        table.add_row(Text(title, "dim"), value if markup or isinstance(value, Text) else Text(value))


def _whole(title: str) -> Column:
    """Returns a column that breaks long words instead of cutting them: ids are for copying."""
    return Column(title, overflow="fold")


def _right(title: str) -> Column:
    return Column(title, justify="right")
