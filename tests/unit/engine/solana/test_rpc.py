"""The methods that the engine calls, and answers of another form than theirs."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from order_engine.domain.errors import VenueUnavailable
from order_engine.domain.markets import LOCALNET
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import TOKEN, encode
from order_engine.solana.nodes import Nodes, RpcError
from order_engine.solana.rpc import (
    Block,
    Blockhash,
    LandedTransaction,
    Lookup,
    Rpc,
    Simulation,
    Snapshot,
    Status,
    TokenBalance,
)
from tests.support.solana_node import FakeNode, Refusal

KEYS = [bytes([number] * 32) for number in range(1, 6)]
TEXTS = [encode(key) for key in KEYS]
SIGNATURE = encode(bytes(range(64)))
CONTEXT = {"context": {"apiVersion": "3.1.8", "slot": 9}}
ACCOUNT = {
    "owner": encode(TOKEN),
    "lamports": 5,
    "data": [b64encode(b"data").decode(), "base64"],
    "executable": False,
    "rentEpoch": 18446744073709551615,
    "space": 4,
}
TOKEN_AMOUNT = {"uiTokenAmount": {"amount": "7", "decimals": 6, "uiAmount": 7e-6, "uiAmountString": "0.000007"}}
TRANSACTION: dict[str, Any] = {
    "slot": 9,
    "blockTime": 1764000000,
    "version": 0,
    "transaction": {
        "signatures": [SIGNATURE],
        "message": {
            "accountKeys": TEXTS[:3],
            "instructions": [{"programIdIndex": 2, "accounts": [0, 1], "data": "3Bxs"}],
            "recentBlockhash": TEXTS[4],
        },
    },
    "meta": {
        "err": None,
        "fee": 5000,
        "preBalances": [10, 0, 1, 3, 4],
        "postBalances": [2, 3, 1, 3, 4],
        "preTokenBalances": [],
        "postTokenBalances": [{"accountIndex": 1, "mint": TEXTS[3], "owner": TEXTS[0], **TOKEN_AMOUNT}],
        "loadedAddresses": {"writable": [TEXTS[3]], "readonly": [TEXTS[4]]},
        "logMessages": ["Program log: hello"],
        "innerInstructions": [],
        "computeUnitsConsumed": 150,
    },
}  # fmt: skip
LANDED = LandedTransaction(
    slot=9,
    error=None,
    payer=KEYS[0],
    fee=5000,
    programs=[KEYS[2]],
    logs=["Program log: hello"],
    lamports_before=dict(zip(KEYS, [10, 0, 1, 3, 4], strict=True)),
    lamports_after=dict(zip(KEYS, [2, 3, 1, 3, 4], strict=True)),
    tokens_before={},
    tokens_after={KEYS[1]: TokenBalance(KEYS[3], KEYS[0], 7)},
)

Ask = Callable[[Rpc], Any]

CALLS: dict[str, tuple[Ask, Any, Any]] = {
    "getGenesisHash": (Rpc.cluster, TEXTS[0], LOCALNET),
    "getMultipleAccounts": (
        lambda rpc: rpc.accounts(KEYS[:2], min_slot=8),
        {**CONTEXT, "value": [ACCOUNT, None]},
        Snapshot(9, {KEYS[0]: Account(TOKEN, 5, b"data"), KEYS[1]: None}),
    ),
    "getProgramAccounts": (
        lambda rpc: rpc.program_accounts(TOKEN, 165, {0: KEYS[0]}),
        {**CONTEXT, "value": [{"pubkey": TEXTS[1], "account": ACCOUNT}]},
        Snapshot(9, {KEYS[1]: Account(TOKEN, 5, b"data")}),
    ),
    "getMinimumBalanceForRentExemption": (lambda rpc: rpc.minimum_balance(165), 2_039_280, 2_039_280),
    "getRecentPrioritizationFees": (
        lambda rpc: rpc.priority_fees(KEYS),
        [{"slot": 8, "prioritizationFee": 0}, {"slot": 9, "prioritizationFee": 100}],
        [0, 100],
    ),
    "getLatestBlockhash": (
        lambda rpc: rpc.latest_blockhash(min_slot=8),
        {**CONTEXT, "value": {"blockhash": TEXTS[2], "lastValidBlockHeight": 158}},
        Blockhash(KEYS[2], 158),
    ),
    "getEpochInfo": (
        Rpc.finalized_block,
        {"absoluteSlot": 300, "blockHeight": 290, "epoch": 0, "slotIndex": 300, "slotsInEpoch": 432000},
        Block(slot=300, height=290),
    ),
    "simulateTransaction": (
        lambda rpc: rpc.simulate(b"wire", min_slot=8),
        {**CONTEXT, "value": {"err": None, "logs": ["a"], "unitsConsumed": 150, "accounts": None}},
        Simulation(None, ["a"], 150),
    ),
    "sendTransaction": (lambda rpc: rpc.send("d2lyZQ=="), SIGNATURE, SIGNATURE),
    "getSignatureStatuses": (
        lambda rpc: rpc.status(SIGNATURE, with_history=True),
        {**CONTEXT, "value": [{"slot": 8, "confirmations": None, "err": "x", "confirmationStatus": "finalized"}]},
        Lookup(9, Status("x", is_confirmed=True)),
    ),
    "getTransaction": (lambda rpc: rpc.transaction(SIGNATURE), TRANSACTION, LANDED),
}


@pytest.fixture
def rpc(node: FakeNode) -> Rpc:
    return Rpc(Nodes(node.url, deadline=5))


@pytest.mark.parametrize(("method", "ask", "result", "expected"), [(method, *row) for method, row in CALLS.items()])
def test_a_result_is_read(node: FakeNode, rpc: Rpc, method: str, ask: Ask, result: Any, expected: Any) -> None:
    node.results[method] = result
    assert ask(rpc) == expected
    assert [name for name, _ in node.calls] == [method]


PARAMETERS: dict[str, list[Any]] = {
    "getMultipleAccounts": [TEXTS[:2], {"commitment": "confirmed", "encoding": "base64", "minContextSlot": 8}],
    "getProgramAccounts": [
        encode(TOKEN),
        {
            "commitment": "confirmed",
            "encoding": "base64",
            "withContext": True,
            "filters": [
                {"dataSize": 165},
                {"memcmp": {"offset": 0, "bytes": b64encode(KEYS[0]).decode(), "encoding": "base64"}},
            ],
        },
    ],
    "getRecentPrioritizationFees": [TEXTS],
    "getLatestBlockhash": [{"commitment": "confirmed", "minContextSlot": 8}],
    "getEpochInfo": [{"commitment": "finalized"}],
    "simulateTransaction": [
        b64encode(b"wire").decode(),
        {
            "commitment": "confirmed",
            "encoding": "base64",
            "sigVerify": False,
            "replaceRecentBlockhash": True,
            "minContextSlot": 8,
        },
    ],
    "sendTransaction": ["d2lyZQ==", {"encoding": "base64", "skipPreflight": True, "maxRetries": 0}],
    "getSignatureStatuses": [[SIGNATURE], {"searchTransactionHistory": True}],
    "getTransaction": [
        SIGNATURE, {"commitment": "confirmed", "encoding": "json", "maxSupportedTransactionVersion": 0}
    ],
}  # fmt: skip


@pytest.mark.parametrize("method", PARAMETERS)
def test_a_method_is_called_with_its_parameters(node: FakeNode, rpc: Rpc, method: str) -> None:
    ask, result, _ = CALLS[method]
    node.results[method] = result
    ask(rpc)
    assert node.called(method) == [PARAMETERS[method]]


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """A copy of the JSON with another value at the path; without it if that is `...`."""
    if not path:
        return other
    copy = value.copy()
    if len(path) == 1 and other is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


WRONG: list[Any] = [True, -1, 1.5, "", "1" * 31, "0", {}, {"context": {}}]

NONSENSE: list[tuple[str, tuple[Any, ...], Any]] = [
    *((method, (), wrong) for method in CALLS for wrong in WRONG),
    *((method, (), None) for method in CALLS if method != "getTransaction"),
    ("getMultipleAccounts", ("context",), ...),
    ("getMultipleAccounts", ("value",), []),
    ("getMultipleAccounts", ("value",), [None] * 3),
    ("getMultipleAccounts", ("value", 0, "owner"), "nobody"),
    ("getMultipleAccounts", ("value", 0, "lamports"), "5"),
    ("getMultipleAccounts", ("value", 0, "lamports"), -5),
    ("getMultipleAccounts", ("value", 0, "data"), "data"),
    ("getMultipleAccounts", ("value", 0, "data", 0), "not base64"),
    ("getMultipleAccounts", ("value", 0, "data", 1), "base58"),
    ("getProgramAccounts", ("value", 0, "pubkey"), 5),
    ("getRecentPrioritizationFees", (0, "prioritizationFee"), None),
    ("getLatestBlockhash", ("value", "blockhash"), "short"),
    ("getLatestBlockhash", ("value", "lastValidBlockHeight"), ...),
    ("getEpochInfo", ("blockHeight",), None),
    ("simulateTransaction", ("value", "err"), ...),
    ("simulateTransaction", ("value", "unitsConsumed"), ...),
    ("sendTransaction", (), TEXTS[0]),
    ("getSignatureStatuses", ("value", 0, "confirmationStatus"), ...),
    ("getSignatureStatuses", ("value",), []),
    ("getTransaction", ("meta",), None),
    ("getTransaction", ("meta", "err"), ...),
    ("getTransaction", ("meta", "preBalances"), [1]),
    ("getTransaction", ("meta", "postTokenBalances", 0, "accountIndex"), 9),
    ("getTransaction", ("meta", "postTokenBalances", 0, "uiTokenAmount"), None),
    ("getTransaction", ("transaction", "signatures", 0), TEXTS[0]),
    ("getTransaction", ("transaction",), ["AQAB", "base64"]),
]


@pytest.mark.parametrize(("method", "path", "other"), NONSENSE)
def test_a_result_of_another_form_is_refused_by_name(
    node: FakeNode, rpc: Rpc, method: str, path: tuple[Any, ...], other: Any
) -> None:
    ask, result, _ = CALLS[method]
    node.results[method] = replaced(result, path, other)
    with pytest.raises(VenueUnavailable, match=f"{node.host}: expected an answer to {method}, was nonsense"):
        ask(rpc)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ({"err": None, "confirmationStatus": "processed"}, Status(None, is_confirmed=False)),
        ({"err": None, "confirmationStatus": "confirmed"}, Status(None, is_confirmed=True)),
        ({"err": None, "confirmationStatus": None}, Status(None, is_confirmed=False)),
    ],
)
def test_a_status(node: FakeNode, rpc: Rpc, value: Any, expected: Status | None) -> None:
    node.results["getSignatureStatuses"] = {**CONTEXT, "value": [value]}
    assert rpc.status(SIGNATURE) == Lookup(9, expected)


def test_a_simulation_that_fails(node: FakeNode, rpc: Rpc) -> None:
    node.results["simulateTransaction"] = {**CONTEXT, "value": {"err": "AccountNotFound", "logs": None}}
    assert rpc.simulate(b"wire") == Simulation("AccountNotFound", [], 0)


def test_rent_is_asked_once(node: FakeNode, rpc: Rpc) -> None:
    node.results["getMinimumBalanceForRentExemption"] = lambda size, options: size * 10
    assert [rpc.minimum_balance(size) for size in (165, 165, 170)] == [1650, 1650, 1700]
    assert len(node.calls) == 2


def test_no_transaction(node: FakeNode, rpc: Rpc) -> None:
    node.results["getTransaction"] = None
    assert rpc.transaction(SIGNATURE) is None


@pytest.mark.parametrize("absent", ["loadedAddresses", "preTokenBalances", "logMessages"])
def test_a_node_may_leave_out_what_a_transaction_has_not(node: FakeNode, rpc: Rpc, absent: str) -> None:
    meta = {**TRANSACTION["meta"], absent: None, "preBalances": [1] * 3, "postBalances": [1] * 3}
    if absent != "loadedAddresses":
        meta["loadedAddresses"] = {"writable": [], "readonly": []}
    meta["postTokenBalances"] = None
    node.results["getTransaction"] = {**TRANSACTION, "meta": meta}
    landed = rpc.transaction(SIGNATURE)
    assert landed is not None
    assert landed.tokens_after == {}


@pytest.mark.parametrize("method", CALLS)
def test_a_refusal_is_the_nodes_fault_unless_the_caller_must_know(node: FakeNode, rpc: Rpc, method: str) -> None:
    def refuse(*parameters: Any) -> None:
        raise Refusal(-32010, "excluded from account secondary indexes")

    node.results[method] = refuse
    callers_concern = {"getProgramAccounts", "sendTransaction"}
    expected = RpcError if method in callers_concern else VenueUnavailable
    with pytest.raises(expected, match="excluded from account secondary indexes"):
        CALLS[method][0](rpc)
