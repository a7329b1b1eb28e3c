"""JSON-RPC 2.0 and the checks of parameters."""

from __future__ import annotations

from typing import Any

import pytest
from solders.pubkey import Pubkey

from localnet.addresses import SYSTEM
from localnet.rpc import dispatch
from tests.support.localnet import Localnet, refused

ADDRESS = str(Pubkey.new_unique())
SIGNATURE = "1" * 64


def ask(localnet: Localnet, body: Any) -> Any:
    return dispatch.answer(localnet.node, body)


def request(method: str, *params: Any, **more: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params), **more}


def test_a_request_is_answered_under_its_id(localnet: Localnet) -> None:
    assert ask(localnet, request("getHealth", id="seven")) == {"jsonrpc": "2.0", "result": "ok", "id": "seven"}


def test_parameters_may_be_left_out(localnet: Localnet) -> None:
    assert ask(localnet, {"jsonrpc": "2.0", "id": 1, "method": "getHealth"})["result"] == "ok"


def test_a_batch_is_answered_in_its_order(localnet: Localnet) -> None:
    batch = [request("getHealth", id=3), request("getNothing", id=1), {"id": 2}, request("getHealth", id=2)]
    answers = ask(localnet, batch)
    assert [each["id"] for each in answers] == [3, 1, 2, 2]
    assert [each.get("error", {}).get("code") for each in answers] == [None, -32601, -32600, None]


def test_a_notification_is_not_answered(localnet: Localnet) -> None:
    notification = {"jsonrpc": "2.0", "method": "getHealth"}
    assert ask(localnet, notification) is None
    assert ask(localnet, [notification]) is None
    assert ask(localnet, [notification, request("getHealth")]) == [{"jsonrpc": "2.0", "result": "ok", "id": 1}]


@pytest.mark.parametrize(
    "body",
    [
        [],
        None,
        7,
        "getHealth",
        {},
        {"jsonrpc": "2.0"},
        {"jsonrpc": "1.0", "method": "getHealth"},
        {"jsonrpc": "2.0", "method": 7},
    ],
)
def test_what_is_no_request_is_refused(localnet: Localnet, body: Any) -> None:
    assert ask(localnet, body)["error"]["code"] == -32600


@pytest.mark.parametrize("method", ["getBlock", "getVoteAccounts", "slotSubscribe", "localnet_nothing"])
def test_a_method_that_is_not_supported_is_refused_by_name(localnet: Localnet, method: str) -> None:
    with refused(-32601, method):
        localnet(method)


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("getBalance", [], "missing an address"),
        ("getBalance", [7], "expected an address as a string, was a number"),
        ("getBalance", ["abc"], "expected an address of 32 bytes in base58, was 'abc'"),
        ("getBalance", ["0" * 44], "invalid base58 character '0'"),
        ("getBalance", [ADDRESS, {"commitment": "maybe"}], "processed or confirmed or finalized, was 'maybe'"),
        ("getBalance", [ADDRESS, {"encoding": "base64"}], "option 'encoding' is not supported"),
        ("getBalance", [ADDRESS, "confirmed"], "expected a configuration as an object, was a string"),
        ("getBalance", [ADDRESS, {}, 1], "expected at most 2 parameters, got 3"),
        ("getBalance", [ADDRESS, {"minContextSlot": -1}], "minContextSlot as an unsigned integer, was -1"),
        ("getBalance", [ADDRESS, {"minContextSlot": True}], "minContextSlot as an unsigned integer, was True"),
        ("getHealth", [1], "expected at most 0 parameters, got 1"),
        ("getAccountInfo", [ADDRESS, {"encoding": "base64+zstd"}], "base58 or base64 or jsonParsed, was 'base64.zstd'"),
        ("getAccountInfo", [ADDRESS, {"dataSlice": {"offset": 1}}], "expected dataSlice with offset and length"),
        ("getMultipleAccounts", [ADDRESS], "expected addresses as an array, was a string"),
        ("getProgramAccounts", [ADDRESS, {"filters": {}}], "expected filters as an array"),
        ("getProgramAccounts", [ADDRESS, {"filters": [{"tokenAccountState": 1}]}], "a filter dataSize or memcmp"),
        ("getProgramAccounts", [ADDRESS, {"filters": [{"dataSize": 1}] * 5}], "Too many filters provided; max 4"),
        ("getProgramAccounts", [ADDRESS, {"filters": [{"memcmp": {"bytes": "1"}}]}], "memcmp with an offset"),
        (
            "getProgramAccounts",
            [ADDRESS, {"filters": [{"memcmp": {"offset": 0, "bytes": "1" * 129}}]}],
            "less than 128 bytes",
        ),
        ("getTokenAccountsByOwner", [ADDRESS, {"owner": ADDRESS}], "option 'owner' is not supported"),
        ("getTokenAccountsByOwner", [ADDRESS, {}], "expected a programId as a string, was null"),
        ("getSignatureStatuses", [[SIGNATURE] * 257], "Too many inputs provided; max 256"),
        ("getSignatureStatuses", [["abc"]], "expected a signature of 64 bytes"),
        ("getTransaction", [SIGNATURE, "jsonParsed"], "json or base64 or base58, was 'jsonParsed'"),
        ("sendTransaction", [], "missing a transaction"),
        ("sendTransaction", ["", {"skipPreflight": "yes"}], "expected skipPreflight as a boolean, was a string"),
        ("sendTransaction", ["", {"encoding": "hex"}], "expected encoding base58 or base64, was 'hex'"),
        ("isBlockhashValid", ["1"], "expected a blockhash of 32 bytes"),
        ("getFeeForMessage", ["AA=="], "failed to deserialize"),
        ("getMinimumBalanceForRentExemption", [1 << 40], "expected at most 10485760 bytes"),
        ("requestAirdrop", [ADDRESS, 0], "expected an amount from 1"),
        ("requestAirdrop", [ADDRESS, 1.5], "expected lamports as an unsigned integer, was 1.5"),
        ("localnet_airdrop", [ADDRESS, 1, "DOGE"], "expected one of SOL, USDC, .*, was 'DOGE'"),
        ("localnet_advance", [0], "expected 1 to 10000 slots, was 0"),
    ],
)
def test_a_parameter_that_is_not_right_is_named(
    localnet: Localnet, method: str, params: list[Any], message: str
) -> None:
    with refused(-32602, message):
        localnet(method, *params)


def test_parameters_by_name_are_refused(localnet: Localnet) -> None:
    answer = ask(localnet, {"jsonrpc": "2.0", "id": 1, "method": "getBalance", "params": {"address": ADDRESS}})
    assert answer["error"] == {"code": -32602, "message": "Invalid params: expected an array, was an object"}


def test_null_stands_for_what_is_left_out(localnet: Localnet) -> None:
    assert localnet.value("getBalance", str(SYSTEM), None) == 1
    assert localnet.value("getBalance", str(SYSTEM), {"commitment": None, "minContextSlot": None}) == 1
