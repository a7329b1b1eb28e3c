"""Orders in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from order_engine_cli.amounts import compared, impact
from order_engine_cli.tables import ENDLESS
from order_engine_cli.views import (
    event_view,
    market_view,
    open_view,
    order_view,
    orders_view,
    quote_view,
    wallet_view,
)
from order_engine_client.fields import Json
from tests.unit.client.services import ORDER

CONFIRMED: Json = {
    "orderId": ORDER, "type": "market", "market": "Devnet", "status": "confirmed", "tokenIn": "SOL", "tokenOut": "USDC",
    "amountIn": "1.5", "amountInBaseUnits": "1500000000", "amountSpent": "1.5", "amountSpentBaseUnits": "1500000000",
    "quotedOut": "254.5", "minOut": "253.2", "slippageBps": 50, "amountOut": "254.1", "executedPrice": "169.4",
    "venue": "meteora", "txHash": "5dePck" + "x" * 82, "clientOrderId": None, "quoteId": None, "error": None,
    "createdAt": "2026-11-20T19:32:20.362Z", "terms": None, "expiresAt": None, "parentId": None, "linkedOrderId": None,
}  # fmt: skip
FAILED: Json = CONFIRMED | {
    "status": "failed", "amountOut": None, "amountSpent": None, "executedPrice": None,
    "error": {"code": "SlippageExceeded", "message": "expected at least 253.2 USDC", "retryable": True},
}  # fmt: skip
OPEN: Json = CONFIRMED | {
    "type": "limit", "status": "open", "amountSpent": None, "amountOut": None, "quotedOut": None, "minOut": None,
    "executedPrice": None, "venue": None, "txHash": None,
    "terms": {"limitPrice": "180", "minAmountOut": "270", "minAmountOutBaseUnits": "270000000"},
}  # fmt: skip
QUOTE: Json = {
    "market": "Mainnet", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "1.5", "amountOut": "254.5",
    "price": "169.7", "minOut": "253.2", "slippageBps": 50, "priceImpactBps": 1, "fees": [], "unspent": "0.0037",
    "networkFee": "0.00001", "rent": "0", "reason": "the only route", "unavailable": [], "quotes": [],
    "quoteId": ORDER, "expiresAt": "soon",
}  # fmt: skip
DEVNET: Json = {
    "market": "Devnet",
    "explorer": {"transaction": "https://x.example/tx/{signature}?c=d", "address": "https://x.example/a/{address}?c=d"},
    "wallet": "7xKX",
    "tokens": ["SOL", "USDC"],
}
SIMULATED: Json = {"market": "Simulated", "explorer": None, "wallet": None, "tokens": ["SOL", "RAY"]}


def lines(view: RenderableType, columns: int = 80) -> list[str]:
    """Returns the view as `show` prints it."""
    terminal = Console(file=io.StringIO(), width=columns)
    terminal.print(view, crop=False)
    assert isinstance(terminal.file, io.StringIO)
    return terminal.file.getvalue().splitlines()


def printed(view: RenderableType, columns: int = 80) -> str:
    """Returns the view without its spaces and line breaks."""
    return "".join("".join(lines(view, columns)).split())


def listed(*orders: Json, columns: int = 80) -> list[str]:
    return lines(orders_view({"orders": list(orders), "nextCursor": None}), columns)


@pytest.mark.parametrize("columns", [20, 40, 80, ENDLESS])
def test_no_terminal_is_too_narrow_for_a_whole_signature_and_id(columns: int) -> None:
    shown = lines(order_view(CONFIRMED), columns)
    assert any(CONFIRMED["txHash"] in line for line in shown)
    assert any(ORDER in line for line in shown)
    sent = {"at": CONFIRMED["createdAt"], "status": "submitted", "data": {"txHash": CONFIRMED["txHash"]}}
    assert CONFIRMED["txHash"] in lines(order_view(FAILED | {"txHash": None, "events": [sent]}), columns)[-1]
    assert all(ORDER in line for line in listed(CONFIRMED, OPEN, columns=columns)[1:3])
    assert any(ORDER in line for line in lines(open_view({"orders": [OPEN], "nextCursor": None}, {}), columns))


def test_the_names_of_pools_wrap_between_them() -> None:
    mint = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
    pools = [f"raydium_clmm:SOL-{mint}:7xKXtg", f"meteora_dlmm:{mint}-USDC:9abc12"]
    route = {"pools": " > ".join(pools), "venue": "raydium", "amountOut": "1", "price": "1", "priceImpactBps": 1}
    shown = lines(quote_view(QUOTE | {"quotes": [route]}))
    assert [any(pool in line for line in shown) for pool in pools] == [True, True]


def test_a_long_reason_wraps_in_the_terminal() -> None:
    failed = FAILED | {"txHash": None, "error": {"code": "Unknown", "message": "why " * 40, "retryable": False}}
    assert max(map(len, lines(order_view(failed), 60))) == 60


def test_a_narrow_list_gives_up_what_matters_least_and_names_it() -> None:
    header, *_, note, _ = listed(CONFIRMED)
    assert header.split() == ["order", "status", "pay", "receive"]
    assert note.split(": ")[1] == "created, venue"
    header, *_ = listed(CONFIRMED, columns=ENDLESS)
    assert header.split() == ["order", "created", "status", "pay", "receive", "venue"]


def test_an_order_that_was_not_filled_shows_no_amount_as_if_it_had_been_paid() -> None:
    for status in ("failed", "cancelled", "expired"):
        order = FAILED | {"status": status}
        shown = printed(order_view(order))
        assert "youpaid0of1.5SOLyoureceivednothing" in shown
        assert "254.5" not in shown
        (row,) = (line for line in listed(order, columns=ENDLESS) if ORDER in line)
        assert "0 of 1.5 SOL" in row
        assert "254.5" not in row
    recurring = FAILED | {"type": "recurring", "terms": {"slices": 5, "slicesDone": 2, "nextSliceAt": None}}
    assert "youpaid2of5slicesof1.5SOL" in printed(order_view(recurring))


def test_an_order_that_runs_shows_what_it_is_about_to_receive() -> None:
    running = CONFIRMED | {"status": "submitted", "amountOut": None, "amountSpent": None, "executedPrice": None}
    assert "youpay1.5SOLyoureceive~254.5USDC" in printed(order_view(running))
    assert "~ 254.5 USDC" in listed(running)[1]


@pytest.mark.parametrize(
    ("bps", "shown"),
    [
        (99, "0.99 %"),
        (100, "1 %, caution: about 1.01 USDC less than without it"),
        (499, "4.99 %, caution: about 5.252 USDC less than without it"),
        (500, "5 %, danger: about 5.263 USDC less than without it"),
        (10_000, "100 %, danger: nearly everything is lost"),
    ],
)
def test_a_price_impact_says_what_it_costs(bps: int, shown: str) -> None:
    assert impact(bps, "100", "USDC").plain == shown


def test_a_route_is_compared_with_the_best_one() -> None:
    assert compared("99.89", "100") == "0.11 % less"
    assert compared("100.2", "100") == "0.20 % better"
    assert compared("99.999", "100") == "under 0.01 % less"
    assert compared("100.0", "100") == "the same"


def test_a_list_has_a_column_for_the_market_only_if_it_differs() -> None:
    other = CONFIRMED | {"market": "Simulated"}
    assert printed(orders_view({"orders": [CONFIRMED, CONFIRMED], "nextCursor": None})).endswith("onDevnet")
    mixed = printed(orders_view({"orders": [CONFIRMED, other], "nextCursor": None}), 120)
    assert "onDevnet" not in mixed
    assert all(market in mixed for market in ("market", "Devnet", "Simul"))


def test_the_market_is_shown_with_its_wallet_and_explorer() -> None:
    assert printed(market_view(DEVNET)) == "marketDevnetwallet7xKXexplorerhttps://x.example/a/7xKX?c=dtokensSOL,USDC"
    assert printed(market_view(SIMULATED)) == "marketSimulatedtokensSOL,RAY"
    # Only clients sign there.
    assert printed(market_view(DEVNET | {"wallet": None})) == "marketDevnettokensSOL,USDC"


def test_real_money_is_named_wherever_the_market_is() -> None:
    order = CONFIRMED | {"market": "Mainnet"}
    for view in (
        order_view(order),
        orders_view({"orders": [order], "nextCursor": None}),
        quote_view(QUOTE),
        market_view(DEVNET | {"market": "Mainnet"}),
        wallet_view({"market": "Mainnet", "address": "7xKX", "balances": []}),
    ):
        assert "Mainnet(realmoney)" in printed(view)


def test_an_explorer_shows_the_transactions_of_its_own_market_only() -> None:
    link = f"https://x.example/tx/{CONFIRMED['txHash']}?c=d"
    assert link in printed(order_view(CONFIRMED, DEVNET))
    assert "explorer" not in printed(order_view(CONFIRMED | {"market": "Simulated"}, DEVNET))
    assert "explorer" not in printed(order_view(CONFIRMED | {"market": "Simulated"}, SIMULATED))
    assert "explorer" not in printed(order_view(CONFIRMED | {"txHash": None}, DEVNET))


def test_an_order_shows_what_it_has_spent_of_its_amount() -> None:
    assert "stayedinthewallet" not in printed(order_view(CONFIRMED))
    partly = CONFIRMED | {"amountSpent": "1.4963", "amountSpentBaseUnits": "1496300000"}
    assert "youpaid1.4963SOLof1.5;therest" in printed(order_view(partly))
    assert "1.4963SOL" in printed(orders_view({"orders": [partly], "nextCursor": None}))
    waiting = CONFIRMED | {"amountSpent": None, "amountSpentBaseUnits": None}
    assert "stayedinthewallet" not in printed(order_view(waiting))


def test_a_quote_shows_what_it_costs_besides_and_what_it_leaves() -> None:
    shown = printed(quote_view(QUOTE))
    assert "costs0.00001SOLforthenetworkreason" in shown
    assert "unspent0.0037SOLstays" in shown
    free = printed(quote_view(QUOTE | {"unspent": "0", "networkFee": "0"}))
    assert "costs" not in free
    assert "unspent" not in free


def test_a_confirmed_event_shows_what_the_transaction_cost() -> None:
    data = {"txHash": "5dePck", "amountOut": "254.1", "executedPrice": "169.4", "realisedSlippageBps": 1, "slot": 7}
    event: Json = {"at": "2026-11-20T19:32:20.362Z", "status": "confirmed"}
    paid = event | {"data": data | {"networkFee": "0.00001", "rent": "0.002"}}
    assert printed(event_view(paid, paid)).endswith(
        "inslot7;0.00001SOLforthenetworkand0.002SOLofrentfornewtokenaccounts"
    )
    free = event | {"data": data | {"networkFee": "0", "rent": "0"}}
    assert printed(event_view(free, free)).endswith("inslot7")
    recurring = event | {"data": data | {"txHash": None, "slot": None, "realisedSlippageBps": None}}
    assert printed(event_view(recurring, recurring)).endswith("254.1receivedat169.4,byitsslices")


def test_a_wallet_shows_its_balances() -> None:
    balances = [{"token": "SOL", "amount": "12.5"}, {"token": "USDC", "amount": "0"}]
    shown = printed(wallet_view({"market": "Devnet", "address": "7xKX", "balances": balances}, DEVNET))
    assert shown == "marketDevnetwallet7xKXexplorerhttps://x.example/a/7xKX?c=dtokenbalanceSOL12.5USDC0"


def test_an_open_order_shows_what_it_waits_for_and_until_when() -> None:
    shown = printed(order_view(OPEN))
    assert "waitsuntiloneSOLpays180USDCexpiresnever" in shown
    until = printed(order_view(OPEN | {"expiresAt": "2026-11-21T00:00:00.000Z"}))
    assert "expires2026-11-21T00:00:00.000Z" in until
    assert "waits" not in printed(order_view(OPEN | {"status": "expired"}))
    assert "expires" not in printed(order_view(CONFIRMED))


def test_an_order_names_those_that_belong_to_it() -> None:
    assert f"sliceof{ORDER}" in printed(order_view(CONFIRMED | {"parentId": ORDER}))
    assert f"linkedwith{ORDER}" in printed(order_view(OPEN | {"linkedOrderId": ORDER}))


def test_open_orders_show_how_far_the_market_is_from_them() -> None:
    page = {"orders": [OPEN], "nextCursor": "next"}
    shown = printed(open_view(page, {ORDER: "160"}), 120)
    assert all(part in shown for part in ("160", "+12.50%", "more:ordersopen--cursornext"))
    assert "PriceImpactTooHigh" in printed(open_view(page, {ORDER: "PriceImpactTooHigh"}), 200)
    assert printed(open_view({"orders": [], "nextCursor": None}, {})) == "noopenorders"


def test_a_list_has_a_column_for_the_type_only_if_it_differs() -> None:
    assert "type" not in printed(orders_view({"orders": [OPEN, OPEN], "nextCursor": None}))
    assert "limit" in printed(orders_view({"orders": [OPEN, CONFIRMED], "nextCursor": None}))


def event(status: str, data: Json) -> str:
    """Returns an event's line, from its status on."""
    one: Json = {"at": "2026-11-20T19:32:20.362Z", "status": status, "data": data}
    return printed(event_view(one, one)).removeprefix("0.000s").removeprefix(status)


def test_the_events_of_an_order_that_waits_say_why() -> None:
    order = {name: OPEN[name] for name in ("type", "market", "tokenIn", "tokenOut", "amountIn", "terms", "expiresAt")}
    opened = order | {"reason": "accepted", "message": None, "slice": None}
    assert event("open", opened) == "1.5SOLforUSDConDevnet,waitsuntiloneSOLpays180USDC"
    returned = opened | {"reason": "returned", "message": "expected 270 USDC, was 269"}
    assert event("open", returned).startswith("expected270USDC,was269;1.5SOLforUSDC")
    slice = opened | {"reason": "slice", "slice": {"number": 2, "orderId": ORDER, "amountIn": "0.5"}}
    assert event("open", slice) == f"slice2isorder{ORDER}:0.5SOL"
    found = {"reason": "limitMet", "amountOut": "270.1", "price": "180.06"}
    pending = order | {"slippageBps": 50, "activation": found}
    assert event("pending", pending) == "limitmet:270.1USDCat180.06"
    assert event("pending", pending | {"activation": None}).endswith("onDevnet,atmost0.5%ofslippage")
    sent = {"minOut": "253.2", "instructions": [1, 2], "txHash": CONFIRMED["txHash"]}
    assert event("building", sent) == f"atleast253.2;2instructions;signed{CONFIRMED['txHash']}"
    assert event("submitted", sent) == f"sent{CONFIRMED['txHash']}"
    assert event("expired", {"expiresAt": "2026-11-21T00:00:00.000Z"}) == "waiteduntil2026-11-21T00:00:00.000Z"
    assert event("cancelled", {}) == "cancelledbeforeanythingwassent"
    assert event("cancelled", {"reason": "its linked order was filled"}) == "itslinkedorderwasfilled"
