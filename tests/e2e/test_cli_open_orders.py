"""The command `orders` with orders that wait."""

from __future__ import annotations

import re
import signal

import pytest

from tests.support.client import Json
from tests.support.command_line import as_json, in_a_terminal, orders, printed, refused, running
from tests.support.market import Market
from tests.support.stack import Stack

RUN = ["pending", "routing", "building", "submitted", "confirmed"]
SUBMIT = ("submit", "SOL", "USDC", "0.5")
FAR = (*SUBMIT, "--limit", "100000")


def statuses(stack: Stack, order: Json) -> list[str]:
    return [event["status"] for event in as_json(stack, "show", order["orderId"])["events"]]


def test_an_order_waits_until_it_is_cancelled(stack: Stack, market: Market) -> None:
    order = as_json(stack, *FAR, "--expires", "1h")
    assert (order["type"], order["status"], order["terms"]["limitPrice"]) == ("limit", "open", "100000")
    listed = printed(stack, "open", "--type", "limit", "--pair", "SOL-USDC")
    assert re.search(
        rf"{order['orderId']} +limit +0.5 SOL +USDC +until one SOL pays 100000 USDC +[0-9.]+ +\+[0-9.]+ % +in 59 min",
        listed,
    )

    replaced = printed(
        stack, "replace", order["orderId"], "--limit", "200000", "--amount", "0.25", "--expires", "never"
    )
    assert all(part in replaced for part in ("0.25 SOL", "until one SOL pays 200000 USDC", "never"))
    (found,) = as_json(stack, "list", "--status", "open", "--type", "limit")["orders"]
    assert (found["amountIn"], found["expiresAt"]) == ("0.25", None)
    first, second = as_json(stack, "show", order["orderId"])["events"]
    assert (first["data"]["terms"]["limitPrice"], second["data"]["reason"]) == ("100000", "replaced")

    assert "cancelled" in printed(stack, "cancel", order["orderId"])
    assert statuses(stack, order) == ["open", "open", "cancelled"]
    assert printed(stack, "open") == "no open orders\n"


def test_a_limit_that_the_market_meets_is_filled_at_once(stack: Stack, market: Market) -> None:
    lines = printed(stack, *SUBMIT, "--limit", "1", "--watch").splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["open", *RUN]
    assert "until one SOL pays 1 USDC" in lines[1]
    assert "limit met: " in lines[2]


def test_two_linked_orders_are_cancelled_together(stack: Stack, market: Market) -> None:
    profit = as_json(stack, *FAR, "--stop", "1")
    loss = as_json(stack, "show", profit["linkedOrderId"])
    assert (loss["type"], loss["terms"]["stopPrice"], loss["linkedOrderId"]) == ("stop", "1", profit["orderId"])
    assert "until one SOL pays only 1 USDC, then sells at the market's price" in printed(stack, "open")
    printed(stack, "cancel", loss["orderId"])
    assert [statuses(stack, order)[-1] for order in (profit, loss)] == ["cancelled"] * 2


def test_a_recurring_order_makes_its_slices(stack: Stack, market: Market) -> None:
    lines = printed(stack, "submit", "USDC", "SOL", "20", "--slices", "2", "--every", "1s", "--watch").splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["open", "open", "open", "confirmed"]
    parent = lines[0].split()[1]
    slices = as_json(stack, "list", "--parent", parent)["orders"]
    assert [(slice["amountIn"], slice["status"], slice["parentId"]) for slice in slices] == [
        ("10", "confirmed", parent)
    ] * 2
    assert [slice["orderId"] in line for slice, line in zip(slices, (lines[3], lines[2]), strict=True)] == [True, True]
    assert "2 of 2" in printed(stack, "show", parent)


def test_a_new_token_is_bought_once_it_has_a_pool(stack: Stack, market: Market) -> None:
    """As docs/orders.md shows it."""
    mint = market.new_mint()
    pays = ("--pay", "1", "SOL", "--min-liquidity", "50", "--max-price", "0.002", "--expires", "10m")
    with running(stack, "snipe", mint, *pays, "--watch") as process:
        assert process.stdout is not None
        order_id = next(iter(process.stdout)).split()[1]
        assert f"a pool of {mint} that holds 50 SOL, at no more than 0.002 SOL for one" in next(iter(process.stdout))
        assert "in 9 min" in printed(stack, "open", "--type", "sniper")
        market.new_pool(mint)
        found = next(iter(process.stdout))
        assert "pool found: " in found
        assert process.wait(60) == 0
    assert statuses(stack, {"orderId": order_id}) == ["open", *RUN]


def test_a_mint_that_can_freeze_is_not_bought(stack: Stack, market: Market) -> None:
    mint = market.new_mint(can_freeze=True)
    market.new_pool(mint)
    pays = ("--pay", "0.5", "SOL", "--min-liquidity", "50", "--expires", "10m", "--watch")
    ended = orders(stack, "snipe", mint, *pays)
    assert ended.returncode == 1
    assert "RiskyMint: " in ended.stdout
    assert printed(stack, "snipe", mint, *pays, "--allow-freeze-authority").splitlines()[-1].split()[2] == "confirmed"


def test_an_order_that_has_expired_ends_the_command_with_1(stack: Stack, market: Market) -> None:
    ended = orders(stack, *FAR, "--expires", "2s", "--watch")
    assert ended.returncode == 1
    assert [line.split()[2] for line in ended.stdout.splitlines()[1:]] == ["open", "expired"]


def test_ctrl_c_leaves_the_order_open(stack: Stack, market: Market) -> None:
    with running(stack, *FAR, "--watch") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        order_id = next(iter(process.stdout)).split()[1]
        assert "open" in next(iter(process.stdout))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        message = process.stderr.read()
    assert "the order stays open; continue with orders watch" in message
    assert as_json(stack, "show", order_id)["status"] == "open"
    printed(stack, "cancel", order_id)


def test_all_orders_are_cancelled_once_the_user_agrees(stack: Stack, market: Market) -> None:
    sell, buy = as_json(stack, *FAR), as_json(stack, "submit", "USDC", "SOL", "20", "--min-out", "1000")
    status, shown = in_a_terminal(stack, "n", "cancel", "--all")
    assert (status, "Cancel all orders? [y/N]" in shown) == (1, True)
    assert refused(stack, "cancel", "--all") == (2, "expected --yes, because there is no terminal to ask in\n")
    assert as_json(stack, "cancel", "--all", "--yes", "--type", "stop")["cancelled"] == []
    assert as_json(stack, "cancel", "--all", "--yes", "--pair", "USDC-SOL")["cancelled"] == [buy["orderId"]]
    status, shown = in_a_terminal(stack, "y", "cancel", "--all", "--type", "limit")
    assert status == 0
    assert "Cancel all limit orders? [y/N]" in shown
    assert f"{sell['orderId']}\n1 orders cancelled" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*SUBMIT, "--stop", "100000"), "stopPrice: expected"),
        ((*SUBMIT, "--stop", "1", "--confirm-ticks", "61"), "confirmTicks: expected an integer from 1 to 60"),
        ((*SUBMIT, "--limit", "1", "--min-out", "2"), "limitPrice: expected either limitPrice or minAmountOut"),
        ((*SUBMIT, "--limit", "0"), "limitPrice: expected"),
        ((*SUBMIT, "--expires", "1h"), "expiresAt: expected no such field for a market order"),
        ((*FAR, "--expires", "2020-01-01"), "expiresAt: expected a time in the future"),
        ((*SUBMIT, "--slices", "1", "--every", "60s"), "slices: expected an integer from 2 to 1000"),
        ((*SUBMIT, "--slices", "2", "--every", "0s"), "intervalSeconds: expected an integer from 1"),
        ((*SUBMIT, "--slices", "2"), "intervalSeconds: expected a value, was missing"),
        (("snipe", "ETH", "--pay", "1", "SOL", "--min-liquidity", "5", "--expires", "1h"), "tokenOut: expected one of"),
        (("list", "--type", "oco"), "type: expected one of market, limit, stop, recurring, sniper"),
        (("cancel", "--all", "--yes", "--pair", "SOL"), "tokenPair: expected a pair"),
        (("replace", "01890a5d-ac96-774b-bcce-b302099a8057", "--limit", "1"), "OrderNotFound: no order"),
    ],
)
def test_bad_input_ends_with_2_and_a_reason(stack: Stack, arguments: tuple[str, ...], message: str) -> None:
    status, shown = refused(stack, *arguments)
    assert status == 2
    assert message in shown


@pytest.mark.parametrize(
    "arguments",
    [
        (*SUBMIT, "--expires", "soon"),
        (*SUBMIT, "--slices", "2", "--every", "60"),
        ("snipe", "JUP", "--pay", "1", "--min-liquidity", "5", "--expires", "1h"),
        ("cancel",),
        ("cancel", "--yes", "--pair", "SOL-USDC"),
        ("cancel", "01890a5d-ac96-774b-bcce-b302099a8057", "--all"),
    ],
)
def test_bad_usage_ends_with_2(stack: Stack, arguments: tuple[str, ...]) -> None:
    assert refused(stack, *arguments)[0] == 2


def test_the_terms_of_an_order_that_runs_stay(stack: Stack, market: Market) -> None:
    order = as_json(stack, *SUBMIT)
    status, shown = refused(stack, "replace", order["orderId"], "--amount", "1")
    assert (status, shown.partition(":")[0]) == (2, "NotOpen")
    printed(stack, "watch", order["orderId"])
