"""Orders, quotes, events, the market and the wallet as text for a terminal."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from order_engine_cli.amounts import compared, impact, pays, percent, receives
from order_engine_cli.tables import Column, Facts, Listing
from order_engine_cli.waiting import distance, progress, remaining, waits_for
from order_engine_client.transport import FINAL

Json = dict[str, Any]

STYLES = {"confirmed": "bold green", "failed": "bold red", "cancelled": "bold yellow", "expired": "bold yellow"}
FOUND = {"limitMet": "limit met", "stopReached": "stop reached", "poolFound": "pool found"}
REAL_MONEY = "Mainnet"


def order_view(order: Json, current: Json | None = None) -> RenderableType:
    """`current` is the engine's market, whose explorer shows the transaction of an order in that market."""
    facts, filled = Facts(), order["status"] == "confirmed"
    facts.add("order", order["orderId"])
    facts.add("market", market(order["market"]))
    facts.add("status", status(order["status"]))
    partly = order["amountSpent"] and order["amountSpentBaseUnits"] != order["amountInBaseUnits"]
    rest = f" of {order['amountIn']}; the rest stayed in the wallet" if partly else ""
    ended = order["status"] in FINAL
    facts.add("you paid" if ended else "you pay", f"{pays(order)}{rest}")
    if order["status"] == "open":
        facts.add("waits", waits_for(order))
    if order["type"] == "recurring":
        facts.add("slices", progress(order))
    if order["terms"]:
        facts.add("expires", order["expiresAt"] or "never")
    at = f" at {order['executedPrice']}" if filled else ""
    facts.add("you received" if ended else "you receive", f"{receives(order) or 'nothing'}{at}")
    if order["minOut"] and (filled or not ended):
        minimum = f"{order['minOut']} {order['tokenOut']} ({percent(order['slippageBps'])} slippage)"
        facts.add("minimum received", minimum)
    for title, name in (
        ("venue", "venue"),
        ("transaction", "txHash"),
        ("name", "clientOrderId"),
        ("quote", "quoteId"),
        ("slice of", "parentId"),
        ("linked with", "linkedOrderId"),
    ):
        facts.add(title, order[name])
    if current and order["txHash"] and order["market"] == current["market"]:
        facts.add("explorer", _explorer(current, "transaction", "{signature}", order["txHash"]))
    if order["error"]:
        again = "; a new order may succeed later" if order["error"]["retryable"] else ""
        facts.add("reason", f"{order['error']['code']}: {order['error']['message']}{again}")
    facts.add("created", order["createdAt"])
    events = order.get("events", [])
    return Group(facts, "", *(event_view(event, events[0]) for event in events)) if events else facts


def quote_view(quote: Json) -> RenderableType:
    facts, token_out = Facts(), quote["tokenOut"]
    facts.add("market", market(quote["market"]))
    facts.add("you pay", f"{quote['amountIn']} {quote['tokenIn']}")
    facts.add("you receive", Text.assemble((f"{quote['amountOut']} {token_out}", "bold"), f" at {quote['price']}"))
    facts.add("minimum received", f"{quote['minOut']} {token_out} ({percent(quote['slippageBps'])} slippage)")
    facts.add("price impact", impact(quote["priceImpactBps"], quote["amountOut"], token_out))
    fees = ", ".join(f"{fee['amount']} {fee['token']} {fee['kind']}" for fee in quote["fees"])
    facts.add("fees (included)", fees or "none")
    if Decimal(quote["unspent"]):
        facts.add("unspent", f"{quote['unspent']} {quote['tokenIn']} stays in the wallet")
    facts.add("costs", _costs(quote) or None)
    facts.add("reason", quote["reason"])
    for missing in quote["unavailable"]:
        facts.add("unavailable", f"{missing['venue']}: {missing['message']}")
    facts.add("quote", f"{quote['quoteId']}, valid until {quote['expiresAt']}")
    return Group(facts, "", _routes(quote["quotes"], token_out))


def _routes(routes: list[Json], token_out: str) -> Listing:
    """`routes` begin with the best one."""
    against = ["best", *(compared(route["amountOut"], routes[0]["amountOut"]) for route in routes[1:])]
    return Listing(
        [
            Column("route", [route["pools"] for route in routes], wraps=True),
            Column("venue", [route["venue"] for route in routes], 4),
            Column(f"{token_out} received", [route["amountOut"] for route in routes], 1, "right"),
            Column("vs. best", against, 2, "right"),
            Column("price", [route["price"] for route in routes], 5, "right"),
            Column("price impact", [percent(route["priceImpactBps"]) for route in routes], 3, "right"),
        ]
    )


def orders_view(page: Json) -> RenderableType:
    """The market and the type have a column only if the orders are of several."""
    orders = page["orders"]
    if not orders:
        return Text("no orders")
    mixed = [name for name in ("market", "type") if len({order[name] for order in orders}) > 1]
    listing = Listing(
        [
            Column("order", [order["orderId"] for order in orders]),
            *(Column(name, [market(order[name]) for order in orders], 3) for name in mixed),
            Column("created", [order["createdAt"][:19].replace("T", " ") for order in orders], 5),
            Column("status", [status(order["status"]) for order in orders]),
            Column("pay", [pays(order) for order in orders], 1, "right"),
            Column("receive", [receives(order) for order in orders], 2, "right"),
            Column("venue", [order["venue"] or "" for order in orders], 6),
            Column("error", [order["error"]["code"] if order["error"] else "" for order in orders], 4),
        ]
    )
    notes = [] if "market" in mixed else [Text.assemble("on ", market(orders[0]["market"]))]
    return Group(listing, *notes, *_more(page, "list"))


def open_view(page: Json, prices: dict[str, str]) -> RenderableType:
    """`prices` has what each order would get now for one whole token, by id: a price, or why it would get nothing."""
    orders = page["orders"]
    if not orders:
        return Text("no open orders")
    found = [prices.get(order["orderId"], "") for order in orders]
    listing = Listing(
        [
            Column("order", [order["orderId"] for order in orders]),
            Column("type", [order["type"] for order in orders], 4),
            Column("pay", [f"{order['amountIn']} {order['tokenIn']}" for order in orders], 2, "right"),
            Column("receive", [order["tokenOut"] for order in orders], 5),
            Column("waits", [waits_for(order) for order in orders], wraps=True),
            Column("now", found, 3, "right"),
            Column("to go", [_left(order, price) for order, price in zip(orders, found, strict=True)], 1, "right"),
            Column("expires", [remaining(order["expiresAt"]) for order in orders], 6),
        ]
    )
    return Group(listing, *_more(page, "open"))


def _left(order: Json, price: str) -> str:
    if order["type"] == "recurring":
        return progress(order)
    return distance(order, price) if price[:1].isdigit() else ""


def _more(page: Json, command: str) -> list[Text]:
    if page["nextCursor"] is None:
        return []
    return [Text(f"more: orders {command} --cursor {page['nextCursor']}", no_wrap=True, overflow="ignore")]


def market_view(current: Json) -> RenderableType:
    facts, wallet = Facts(), current["wallet"]
    facts.add("market", market(current["market"]))
    facts.add("wallet", wallet)
    facts.add("explorer", wallet and _explorer(current, "address", "{address}", wallet))
    facts.add("tokens", ", ".join(current["tokens"]))
    return facts


def wallet_view(wallet: Json, current: Json | None = None) -> RenderableType:
    """`current` is the engine's market, whose explorer shows the wallet."""
    facts, held = Facts(), wallet["balances"]
    facts.add("market", market(wallet["market"]))
    facts.add("wallet", wallet["address"])
    if current:
        facts.add("explorer", _explorer(current, "address", "{address}", wallet["address"]))
    amounts = [Text(balance["amount"], "" if Decimal(balance["amount"]) else "dim") for balance in held]
    tokens = Column("token", [balance["token"] for balance in held])
    return Group(facts, "", Listing([tokens, Column("balance", amounts, justify="right")]))


def event_view(event: Json, first: Json) -> RenderableType:
    """Returns one line: seconds since the first event, the status, and what the step found or did."""
    seconds = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(first["at"])).total_seconds()
    line = Text(f"{seconds:8.3f} s  ", no_wrap=True, overflow="ignore")
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
            return f"{_swap(data)}, at most {percent(data['slippageBps'])} of slippage"
        case "routing":
            return f"{data['amountOut']} through {data['venue']}: {data['reason']}"
        case "building":
            return f"at least {data['minOut']}; {len(data['instructions'])} instructions; signed {data['txHash']}"
        case "submitted":
            return f"sent {data['txHash']}"
        case "confirmed":
            received = f"{data['amountOut']} received at {data['executedPrice']}"
            if data["txHash"] is None:
                return f"{received}, by its slices"
            costs = _costs(data)
            swapped = f"{received}, {percent(data['realisedSlippageBps'])} of slippage, in slot {data['slot']}"
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
