"""Tokens and pools as clients see them."""

from __future__ import annotations

from order_engine.api.listings import pools_view, token_view
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import CorruptPool, VenueUnavailable
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.tokens import TOKENS, Mint, Token
from order_engine.services.listings import ListedToken, PoolState, PoolStates

LISTING = Listing("one", "raydium", "SOL", "USDC", 7, RaydiumAmmV4(2 * 10**9, 340 * 10**6, 25, 10_000))
KNOWN = RegisteredPool("two", "meteora_dlmm", "meteora", "SOL", "USDC", (), Source.DISCOVERED)


def test_a_token_without_a_symbol_is_not_verified() -> None:
    token = Token("mint", 4)
    view = token_view(ListedToken(token, "mint", Mint(token, True, ("TransferHook",))))
    assert (view["symbol"], view["verified"], view["hasFreezeAuthority"]) == (None, False, True)
    assert view["extensions"] == ["TransferHook"]
    view = token_view(ListedToken(TOKENS["SOL"], None, None))
    assert (view["symbol"], view["verified"], view["mint"], view["extensions"]) == ("SOL", True, None, None)


def test_a_pool_is_shown_with_what_it_holds_or_why_it_cannot_be_used() -> None:
    states = [
        PoolState(LISTING, True, LISTING, 25, None),
        PoolState(KNOWN, True, None, None, CorruptPool("expected a pool, was no account")),
    ]
    view = pools_view("Localnet", PoolStates(states, {"meteora": VenueUnavailable("no answer")}, 0.25))
    usable, corrupt = view.pop("pools")
    assert view == {
        "market": "Localnet",
        "readAt": "1970-01-01T00:00:00.250Z",
        "unavailable": [{"venue": "meteora", "code": "VenueUnavailable", "message": "no answer"}],
    }
    assert usable == {
        "address": "one",
        "program": "raydium_amm_v4",
        "venue": "raydium",
        "tokenA": "SOL",
        "tokenB": "USDC",
        "liquidity": [
            {"token": "SOL", "amount": "2", "amountBaseUnits": "2000000000"},
            {"token": "USDC", "amount": "340", "amountBaseUnits": "340000000"},
        ],
        "feeBps": 25,
        "slot": 7,
        "enabled": True,
        "usable": True,
        "problem": None,
    }
    assert (corrupt["address"], corrupt["program"], corrupt["liquidity"], corrupt["slot"]) == (
        "two", "meteora_dlmm", None, None
    )  # fmt: skip
    assert corrupt["problem"] == {"code": "CorruptPool", "message": "expected a pool, was no account"}
