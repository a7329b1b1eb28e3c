"""The command `orders` as a process."""

from __future__ import annotations

import json
import os
import re
import signal
import socket

import pytest

from tests.support.command_line import as_json, end_all, in_a_terminal, orders, printed, refused, running
from tests.support.market import Market
from tests.support.stack import Stack

STATUSES = ["pending", "routing", "building", "submitted", "confirmed"]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_an_order_is_executed_at_a_quote(stack: Stack, market: Market) -> None:
    quote = as_json(stack, "quote", "SOL", "USDC", "1.5", "--slippage-bps", "30")
    assert (quote["amountIn"], quote["slippageBps"]) == ("1.5", 30)

    options = ("--slippage-bps", "30", "--quote", quote["quoteId"], "--watch")
    lines = printed(stack, "submit", "SOL", "USDC", "1.5", *options).splitlines()
    assert ID.search(lines[0])
    assert [line.split()[2] for line in lines[1:]] == STATUSES
    assert f"{quote['amountOut']} received at" in lines[-1]


@pytest.mark.needs("simulation")
def test_a_quote_shows_amounts_fees_and_routes(stack: Stack, market: Market) -> None:
    shown = printed(stack, "quote", "SOL", "USDC", "1.5")
    for part in ("1.5 SOL", "USDC at ", "(0.5 % slippage)", "SOL trade", "% less", "meteora-dlmm:SOL-USDC"):
        assert part in shown
    shown = printed(stack, "quote", "RAY", "USDC", "5000000")
    assert re.search(r"price impact +[67]\d\.\d+ %, danger: about [0-9.]+ USDC less than without it\n", shown)


def test_an_order_is_listed_shown_and_watched_again(stack: Stack, market: Market) -> None:
    name = f"cli-{os.getpid()}"
    order = as_json(stack, "submit", "USDC", "SOL", "20", "--name", name)
    # A repeated name is the same order.
    assert as_json(stack, "submit", "USDC", "SOL", "20", "--name", name)["orderId"] == order["orderId"]

    events = [json.loads(line) for line in printed(stack, "watch", order["orderId"], "--json").splitlines()]
    assert [event["status"] for event in events] == STATUSES
    later = printed(stack, "watch", order["orderId"], "--after", "3").splitlines()
    assert [line.split()[2] for line in later] == STATUSES[3:]

    shown = printed(stack, "show", order["orderId"])
    assert [part for part in (name, "20 USDC", "confirmed", events[-1]["data"]["txHash"]) if part not in shown] == []
    assert as_json(stack, "show", order["orderId"])["events"] == events
    listed = printed(stack, "list", "--status", "confirmed", "--limit", "1")
    assert order["orderId"] in listed
    assert "more: orders list --cursor" in listed
    (first,) = as_json(stack, "list", "--limit", "1")["orders"]
    assert first["orderId"] == order["orderId"]


def test_every_command_names_the_market(stack: Stack, market: Market) -> None:
    current = as_json(stack, "market")
    name = current["market"]
    submitted = printed(stack, "submit", "SOL", "USDC", "0.01", "--watch").splitlines()
    (order,) = as_json(stack, "list", "--limit", "1")["orders"]
    assert submitted[0] == f"order {order['orderId']} on {name}"
    assert f"for USDC on {name}," in submitted[1]
    for command in (("market",), ("quote", "SOL", "USDC", "1"), ("show", order["orderId"]), ("list", "--limit", "1")):
        assert name in printed(stack, *command)
    if current["wallet"]:
        assert all(part in printed(stack, "wallet") for part in (name, current["wallet"], "USDC"))
    else:
        assert refused(stack, "wallet") == (2, "NotFound: the simulated market has no wallet\n")


@pytest.mark.needs("simulation")
def test_a_failed_order_ends_the_command_with_1(stack: Stack, market: Market) -> None:
    ended = orders(stack, "submit", "RAY", "SOL", "18446744073709", "--watch")
    assert ended.returncode == 1
    assert "InsufficientLiquidity: expected at most" in ended.stdout


def test_an_order_can_be_cancelled_until_it_is_sent(stack: Stack, market: Market) -> None:
    waiting = market.order_without_message()
    assert "cancelled" in printed(stack, "cancel", waiting)
    assert orders(stack, "watch", waiting).returncode == 1

    with market.held("USDC"):
        order = as_json(stack, "submit", "SOL", "USDC", "1")
        with running(stack, "watch", order["orderId"]) as watching:
            assert watching.stdout is not None
            assert any("submitted" in line for line in watching.stdout)
            status, message = refused(stack, "cancel", order["orderId"])
    assert (status, message.partition(":")[0]) == (2, "TooLateToCancel")
    assert "confirmed" in printed(stack, "watch", order["orderId"])


def test_ctrl_c_ends_the_command_and_not_the_order(stack: Stack, market: Market) -> None:
    with market.held("USDC"), running(stack, "submit", "SOL", "USDC", "1", "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = iter(process.stdout)
        order_id = next(lines).split()[1]
        assert any("submitted" in line for line in lines)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        message = process.stderr.read()
    assert f"orders watch {order_id}" in message
    assert "Traceback" not in message
    assert printed(stack, "watch", order_id).splitlines()[-1].split()[2] == "confirmed"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("submit", "SOL", "USDC", "0"), "amountIn: expected an amount above zero, was '0'"),
        (("submit", "SOL", "ETH", "much"), "tokenOut: expected one of SOL, "),
        (("submit", "SOL", "ETH", "much"), "amountIn: expected a positive decimal number"),
        (("submit", "SOL", "USDC", "1", "--quote", UNKNOWN), "QuoteNotFound: no quote"),
        (("quote", "SOL", "SOL", "1"), "tokenOut: expected another token than tokenIn"),
        (("quote", "SOL", "USDC", "0.000000001"), "AmountTooSmall: expected at least"),
        (("show", UNKNOWN), "OrderNotFound: no order"),
        (("show", "../../health"), "orderId: expected a UUID like"),
        (("watch", UNKNOWN), "OrderNotFound: no order"),
        (("cancel", "mine"), "orderId: expected a UUID like"),
        (("list", "--status", "running"), "status: expected one of open, pending"),
        (("list", "--cursor", "x"), "cursor: expected"),
    ],
)
def test_bad_input_ends_with_2_and_a_reason(stack: Stack, arguments: tuple[str, ...], message: str) -> None:
    status, shown = refused(stack, *arguments)
    assert status == 2
    assert message in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit", "SOL", "USDC"),
        ("submit", "SOL", "USDC", "1", "--slippage-bps", "10001"),
        ("list", "--limit", "0"),
        ("buy", "SOL"),
        ("--url", "example.com", "list"),
        ("--url", "http://example.com", "list"),
    ],
)
def test_bad_usage_ends_with_2(stack: Stack, arguments: tuple[str, ...]) -> None:
    assert refused(stack, *arguments)[0] == 2


@pytest.mark.parametrize("command", [("list",), ("watch", UNKNOWN), ("submit", "SOL", "USDC", "1")])
def test_a_refused_key_ends_with_3(stack: Stack, command: tuple[str, ...]) -> None:
    status, message = refused(stack, *command, ORDERS_KEY="oee_" + "x" * 43)
    assert (status, message.partition(":")[0]) == (3, "Unauthorized")


def test_an_unavailable_service_ends_with_4(stack: Stack) -> None:
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unanswered.getsockname()[1]}"
        status, message = refused(stack, "submit", "SOL", "USDC", "1", "--watch", ORDERS_URL=url)
    assert status == 4
    assert message.startswith(f"the service does not answer: {url}: ")


@pytest.mark.needs("simulation")
def test_a_user_is_asked_before_an_order_moves_the_price(stack: Stack, market: Market) -> None:
    ruinous = ("submit", "RAY", "USDC", "5000000", "--json")
    before = market.orders()
    status, shown = in_a_terminal(stack, "n", *ruinous)
    assert status == 1
    impact = r"Price impact: [67]\d\.\d+ %, danger: about [0-9.]+ USDC less than without it\. Swap anyway\?"
    assert re.search(rf"5000000 RAY would receive [0-9.]+ USDC\. {impact}", " ".join(shown.split()))
    assert market.orders() == before

    status, shown = in_a_terminal(stack, "y", *ruinous)
    assert status == 0
    order = json.loads(shown[shown.index("{") :])
    assert 6000 < order["maxPriceImpactBps"] < 8000
    assert as_json(stack, "show", order["orderId"])["maxPriceImpactBps"] == order["maxPriceImpactBps"]

    # WHEN nobody can be asked, or the limit is given, or nothing is at risk, THEN the order is sent as it is
    assert as_json(stack, *ruinous[:-1])["maxPriceImpactBps"] == 500
    given = as_json(stack, *ruinous[:-1], "--max-price-impact-bps", "9000")
    assert given["maxPriceImpactBps"] == 9000
    status, shown = in_a_terminal(stack, "", "submit", "RAY", "USDC", "1", "--json")
    assert (status, json.loads(shown)["maxPriceImpactBps"]) == (0, 500)

    # WHEN the user has agreed beforehand, THEN nobody is asked
    agreed = orders(stack, *ruinous, "--yes")
    assert "danger" in agreed.stderr
    assert "?" not in agreed.stderr
    assert json.loads(agreed.stdout)["maxPriceImpactBps"] > 500
    end_all(stack)


@pytest.mark.needs("simulation")
def test_a_user_is_warned_before_an_order_moves_the_price_by_1_per_cent(stack: Stack, market: Market) -> None:
    status, shown = in_a_terminal(stack, "", "submit", "RAY", "USDC", "100000")
    assert status == 0
    assert re.search(r"Price impact: [1-4]\.\d+ %, caution: about [0-9.]+ USDC less", " ".join(shown.split()))
    end_all(stack)


def test_an_error_is_a_document_too(stack: Stack) -> None:
    """Of the form that the service's errors have, whoever found it."""
    for arguments, more, code in (
        (("show", "mine"), {}, "InvalidRequest"),
        (("submit", "SOL", "SOL", "0"), {}, "InvalidOrder"),
        (("list",), {"ORDERS_URL": "example.com"}, "BadInput"),
        (("list",), {"ORDERS_URL": "http://127.0.0.1:1"}, "Unreachable"),
    ):
        _, shown = refused(stack, *arguments, "--json", **more)
        error = json.loads(shown)["error"]
        assert (error["code"], sorted(error)) == (code, ["code", "details", "message"])
        assert error["message"]


def test_the_shell_completes_commands_and_values(stack: Stack) -> None:
    for typed, expected in (("orders sub", "submit"), ("orders list --status conf", "confirmed")):
        words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
        assert orders(stack, _ORDERS_COMPLETE="complete_bash", **words).stdout.split() == [expected]


def test_a_slippage_of_100_per_cent_has_to_be_confirmed(stack: Stack, market: Market) -> None:
    everything = ("submit", "SOL", "USDC", "0.01", "--slippage-bps", "10000")
    status, shown = refused(stack, *everything)
    assert (status, "slippageBps: expected at most 9999, or allowAnySlippage: true" in shown) == (2, True)
    assert as_json(stack, *everything, "--allow-any-slippage")["slippageBps"] == 10_000
    end_all(stack)
