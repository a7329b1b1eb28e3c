"""The other traders on a chain: they trade slot by slot, leave no endless history, and cannot stop the chain."""

from __future__ import annotations

import pytest

from localnet.market import Prices
from localnet.market.tokens import Token
from tests.support.localnet import SOL, Localnet


class BrokenPrices(Prices):
    def price(self, pool: str, token_a: Token, token_b: Token, now: int) -> tuple[int, int]:
        raise ArithmeticError("no price")


class FarPrices(Prices):
    """No pool is at its price, so that there is a trade whatever the time is."""

    def price(self, pool: str, token_a: Token, token_b: Token, now: int) -> tuple[int, int]:
        numerator, denominator = super().price(pool, token_a, token_b, now)
        return numerator * 2, denominator


def trades(localnet: Localnet) -> list[dict[str, object]]:
    traders = str(localnet.node.traders_address)
    found: list[dict[str, object]] = localnet("getSignaturesForAddress", traders, {"commitment": "confirmed"})
    return found


def test_they_trade_in_every_fourth_slot() -> None:
    localnet = Localnet(instant=False, pools=True, prices=FarPrices())
    start = localnet("getSlot", {"commitment": "processed"})
    localnet.slots(60)
    done, confirmed = trades(localnet), localnet("getSlot", {"commitment": "confirmed"})
    assert {each["err"] for each in done} == {None}
    slots = sorted(int(str(each["slot"])) for each in done)
    assert confirmed > start + 50
    assert slots == [slot for slot in range(start + 1, confirmed + 1) if slot % 4 == 0]
    localnet.kill()


def test_they_go_on_trading_after_a_kill(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("localnet")
    localnet = Localnet(folder, instant=False, pools=True, prices=Prices())
    localnet.slots(40)
    before = len(trades(localnet))
    localnet.kill()
    again = Localnet(folder, instant=False, pools=True, prices=Prices())
    again.slots(40)
    assert len(trades(again)) > before > 0
    again.kill()


def test_their_old_transactions_are_forgotten_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localnet.node._TRADES_KEPT_SLOTS", 40)
    localnet = Localnet(instant=False, pools=True, prices=Prices())
    mine = localnet("requestAirdrop", str(localnet.node.traders_address), SOL)  # the faucet's own
    theirs = localnet("requestAirdrop", str(localnet.node.faucet.address), SOL)
    localnet.slots(200)
    slots = [int(str(each["slot"])) for each in trades(localnet)]
    assert min(slots) > localnet("getSlot", {"commitment": "processed"}) - 40 - 100
    options = {"searchTransactionHistory": True}
    assert [bool(each) for each in localnet.value("getSignatureStatuses", [mine, theirs], options)] == [False, True]
    localnet.kill()


def test_when_they_break_slots_go_on(caplog: pytest.LogCaptureFixture) -> None:
    localnet = Localnet(instant=False, pools=True, prices=BrokenPrices())
    slot = localnet("getSlot", {"commitment": "processed"})
    localnet.slots(8)
    assert localnet("getSlot", {"commitment": "processed"}) == slot + 8
    assert "the other traders failed in slot" in caplog.text
    localnet.kill()
