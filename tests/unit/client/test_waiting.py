"""What an open order waits for, in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from order_engine_cli.waiting import distance, duration, progress, remaining, waits_for
from order_engine_client.fields import Json

STOP = {"stopPrice": "140", "stopReached": False, "confirmTicks": 1, "limitPrice": None}
RECURRING = {
    "slices": 4, "slicesDone": 1, "intervalSeconds": 90, "minPrice": None, "maxPrice": None,
    "nextSliceAt": "2026-11-20T19:33:50.000Z",
}  # fmt: skip
SNIPER = {"maxPrice": None, "minLiquidity": "50"}
EVERY = "for each of 4 slices, one every 1 min 30 s"


def order(type: str, terms: Json) -> Json:
    return {"type": type, "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "2", "terms": terms}


@pytest.mark.parametrize(
    ("type", "terms", "words"),
    [
        ("limit", {"limitPrice": "180", "minAmountOut": "360"}, "until one SOL pays 180 USDC"),
        ("limit", {"limitPrice": None, "minAmountOut": "360"}, "until the whole amount pays 360 USDC"),
        ("stop", STOP, "until one SOL pays only 140 USDC, then sells at the market's price"),
        ("stop", STOP | {"confirmTicks": 2, "limitPrice": "138"},
         "until one SOL pays only 140 USDC for 2 ticks, then sells at 138 or more"),
        ("stop", STOP | {"stopReached": True, "limitPrice": "138"}, "stop 140 reached; until one SOL pays 138 USDC"),
        ("recurring", RECURRING, EVERY),
        ("recurring", RECURRING | {"minPrice": "1", "maxPrice": "2"}, f"{EVERY}, while one SOL pays 1 to 2 USDC"),
        ("recurring", RECURRING | {"minPrice": "150"}, f"{EVERY}, while one SOL pays at least 150 USDC"),
        ("recurring", RECURRING | {"maxPrice": "190"}, f"{EVERY}, while one SOL pays at most 190 USDC"),
        ("sniper", SNIPER, "for a pool of USDC that holds 50 SOL"),
        ("sniper", SNIPER | {"maxPrice": "2"}, "for a pool of USDC that holds 50 SOL, at no more than 2 SOL for one"),
    ],
)  # fmt: skip
def test_an_order_says_what_it_waits_for(type: str, terms: Json, words: str) -> None:
    assert waits_for(order(type, terms)) == words


def test_a_recurring_order_says_how_far_it_is() -> None:
    assert progress(order("recurring", RECURRING)) == "1 of 4, the next now"
    assert progress(order("recurring", RECURRING | {"slicesDone": 4})) == "4 of 4"
    assert progress(order("recurring", RECURRING | {"nextSliceAt": None})) == "1 of 4"


def test_the_distance_is_that_of_the_price_which_is_waited_for() -> None:
    assert distance(order("limit", {"limitPrice": "180", "minAmountOut": "360"}), "160") == "+12.50 %"
    assert distance(order("stop", STOP), "160") == "-12.50 %"
    reached = STOP | {"stopReached": True, "limitPrice": "150"}
    assert distance(order("stop", reached), "125") == "+20.00 %"
    least = {"limitPrice": None, "minAmountOut": "360"}
    assert distance(order("limit", least), "160") == "+12.50 %"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 s"), (60, "1 min"), (90, "1 min 30 s"), (3_600, "1 h"), (90_061, "1 d 1 h 1 min 1 s"), (86_400, "1 d")],
)
def test_a_duration_names_every_unit(seconds: int, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(1_000_000, "in 11 d 13 h"), (50_000, "in 13 h 53 min"), (-1, "now"), (0.5, "now")]
)
def test_what_remains_is_shown_as_exactly_as_it_matters(seconds: float, words: str) -> None:
    # Half a minute more than the words say: the test may be slow.
    margin = 30 if seconds > 1 else 0
    assert remaining((datetime.now(UTC) + timedelta(seconds=seconds + margin)).isoformat()) == words


def test_an_order_without_an_expiry_waits_until_it_is_cancelled() -> None:
    assert remaining(None) == "never"
