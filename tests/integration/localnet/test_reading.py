"""What a client reads: accounts, tokens, and transactions that have been carried out."""

from __future__ import annotations

import base64
from typing import Any

from solders.compute_budget import set_compute_unit_limit, set_compute_unit_price
from solders.instruction import Instruction
from solders.pubkey import Pubkey
from solders.rpc.responses import (
    GetAccountInfoResp,
    GetLatestBlockhashResp,
    GetSignatureStatusesResp,
    GetTransactionResp,
    SimulateTransactionResp,
)
from solders.signature import Signature

from localnet import base58
from localnet.addresses import MEMO, SYSTEM, TOKEN
from localnet.market.tokens import TOKENS
from localnet.tokens import associated_token_account
from tests.support.localnet import FEE, SOL, Localnet, payment, refused, signed, token_payment, transfer_of, wire

PROCESSED = {"commitment": "processed"}
USDC = TOKENS["USDC"].mint


def test_an_account_is_read_in_each_encoding(localnet: Localnet) -> None:
    owner = localnet.funded().pubkey()
    localnet.give(owner, 1_500_000, "USDC")
    account = str(associated_token_account(owner, USDC))

    def data(**options: Any) -> Any:
        return localnet.value("getAccountInfo", account, {**PROCESSED, **options})["data"]

    text, encoding = data(encoding="base64")
    raw = base64.b64decode(text)
    assert (encoding, len(raw), raw[:32]) == ("base64", 165, bytes(USDC))
    part = {"offset": 64, "length": 8}
    assert data(encoding="base58", dataSlice=part) == [base58.encode(raw[64:72]), "base58"]
    assert data(dataSlice=part) == base58.encode(raw[64:72])
    with refused(-32600, r"Encoded binary \(base 58\) data should be less than 128 bytes"):
        data()
    assert data(encoding="jsonParsed") == {
        "program": "spl-token",
        "space": 165,
        "parsed": {
            "type": "account",
            "info": {
                "isNative": False,
                "mint": str(USDC),
                "owner": str(owner),
                "state": "initialized",
                "tokenAmount": {"amount": "1500000", "decimals": 6, "uiAmount": 1.5, "uiAmountString": "1.5"},
            },
        },
    }
    mint = localnet.value("getAccountInfo", str(USDC), {**PROCESSED, "encoding": "jsonParsed"})["data"]["parsed"]
    assert (mint["type"], mint["info"]["supply"], mint["info"]["decimals"]) == ("mint", "1500000", 6)


def test_what_does_not_exist_is_null(localnet: Localnet) -> None:
    nobody = str(Pubkey.new_unique())
    assert localnet.value("getAccountInfo", nobody) is None
    assert localnet.value("getBalance", nobody) == 0
    assert localnet.value("getMultipleAccounts", [nobody, nobody]) == [None, None]
    assert localnet("getTransaction", str(Signature.default()), {"encoding": "json"}) is None
    assert localnet.value("getSignatureStatuses", [str(Signature.default())]) == [None]


def test_accounts_are_read_together_at_one_slot(localnet: Localnet) -> None:
    alice, bob = localnet.funded(), localnet.funded(3 * SOL)
    answer = localnet("getMultipleAccounts", [str(alice.pubkey()), str(SYSTEM), str(bob.pubkey())], PROCESSED)
    assert answer["context"]["slot"] == localnet("getSlot", PROCESSED)
    assert [account and account["lamports"] for account in answer["value"]] == [10 * SOL, 1, 3 * SOL]
    with refused(-32602, "Too many inputs provided; max 100"):
        localnet("getMultipleAccounts", [str(SYSTEM)] * 101)


def test_accounts_of_a_program_are_filtered(localnet: Localnet) -> None:
    alice, bob = (localnet.funded().pubkey() for _ in range(2))
    for owner, symbol in ((alice, "USDC"), (alice, "RAY"), (bob, "USDC")):
        localnet.give(owner, 7, symbol)

    def found(*filters: Any) -> set[str]:
        options = {**PROCESSED, "encoding": "base64", "filters": filters, "dataSlice": {"offset": 0, "length": 0}}
        return {each["pubkey"] for each in localnet("getProgramAccounts", str(TOKEN), options)}

    def account(owner: Pubkey, symbol: str) -> str:
        return str(associated_token_account(owner, TOKENS[symbol].mint))

    size = {"dataSize": 165}
    assert found(size) == {account(alice, "USDC"), account(alice, "RAY"), account(bob, "USDC")}
    of_alice = {"memcmp": {"offset": 32, "bytes": str(alice)}}
    assert found(size, of_alice) == {account(alice, "USDC"), account(alice, "RAY")}
    of_usdc = {"memcmp": {"offset": 0, "bytes": base64.b64encode(bytes(USDC)).decode(), "encoding": "base64"}}
    assert found(of_usdc, of_alice) == {account(alice, "USDC")}
    answer = localnet("getProgramAccounts", str(TOKEN), {**PROCESSED, "encoding": "base64", "withContext": True})
    assert answer["context"]["slot"] == localnet("getSlot", PROCESSED)
    assert len(answer["value"]) == 3 + len(TOKENS)


def test_token_accounts_are_found_by_owner(localnet: Localnet) -> None:
    owner = localnet.funded().pubkey()
    for symbol in ("USDC", "RAY"):
        localnet.give(owner, 7, symbol)
    options = {**PROCESSED, "encoding": "jsonParsed"}
    every = localnet.value("getTokenAccountsByOwner", str(owner), {"programId": str(TOKEN)}, options)
    assert {each["account"]["data"]["parsed"]["info"]["mint"] for each in every} == {
        str(USDC),
        str(TOKENS["RAY"].mint),
    }
    (one,) = localnet.value("getTokenAccountsByOwner", str(owner), {"mint": str(USDC)}, options)
    balance = localnet.value("getTokenAccountBalance", one["pubkey"], PROCESSED)
    assert balance == {"amount": "7", "decimals": 6, "uiAmount": 7e-06, "uiAmountString": "0.000007"}
    with refused(-32602, "could not find mint"):
        localnet("getTokenAccountsByOwner", str(owner), {"mint": str(owner)})
    with refused(-32602, "unrecognized Token program id"):
        localnet("getTokenAccountsByOwner", str(owner), {"programId": str(SYSTEM)})
    with refused(-32602, "not a Token account"):
        localnet("getTokenAccountBalance", str(owner), PROCESSED)
    with refused(-32602, "could not find account"):
        localnet("getTokenAccountBalance", str(Pubkey.new_unique()), PROCESSED)


def test_a_transaction_is_told_with_all_that_it_did(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    localnet.give(payer.pubkey(), 5_000_000, "USDC")
    note = Instruction(MEMO, b"an order", [])
    instructions = [*token_payment(payer.pubkey(), to, 2_000_000, "USDC"), note]
    signature = localnet.send(signed(payer, instructions, localnet.blockhash()))
    told = localnet.transaction(signature)
    meta, keys = told["meta"], told["transaction"]["message"]["accountKeys"]
    source, target = (str(associated_token_account(owner, USDC)) for owner in (payer.pubkey(), to))

    assert (told["version"], told["transaction"]["signatures"]) == (0, [signature])
    assert (meta["err"], meta["status"], meta["fee"]) == (None, {"Ok": None}, FEE)
    rent = localnet("getMinimumBalanceForRentExemption", 165)
    lamports = {key: (meta["preBalances"][n], meta["postBalances"][n]) for n, key in enumerate(keys)}
    assert lamports[str(payer.pubkey())] == (10 * SOL, 10 * SOL - FEE - rent)
    assert lamports[target] == (0, rent)

    def tokens(when: str) -> dict[str, str]:
        return {keys[each["accountIndex"]]: each["uiTokenAmount"]["amount"] for each in meta[when]}

    assert tokens("preTokenBalances") == {source: "5000000"}
    assert tokens("postTokenBalances") == {source: "3000000", target: "2000000"}
    first = meta["postTokenBalances"][0]
    assert (first["mint"], first["programId"]) == (str(USDC), str(TOKEN))
    assert {each["owner"] for each in meta["postTokenBalances"]} == {str(payer.pubkey()), str(to)}

    (inner,) = meta["innerInstructions"]
    assert inner["index"] == 0
    assert {each["stackHeight"] for each in inner["instructions"]} == {2}
    assert keys[inner["instructions"][-1]["programIdIndex"]] == str(TOKEN)
    assert "Program log: an order" in meta["logMessages"]
    assert meta["computeUnitsConsumed"] > 1_000
    assert meta["loadedAddresses"] == {"writable": [], "readonly": []}


def test_solders_reads_the_answers(localnet: Localnet) -> None:
    payer = localnet.funded()
    localnet.give(payer.pubkey(), 5_000_000, "USDC")
    payments = token_payment(payer.pubkey(), Pubkey.new_unique(), 1, "USDC")
    signature = localnet.send(signed(payer, payments, localnet.blockhash()))
    full = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    told = GetTransactionResp.from_json(localnet.answer("getTransaction", signature, full))
    assert isinstance(told, GetTransactionResp)
    assert told.value is not None
    assert told.value.transaction.meta is not None
    assert told.value.transaction.meta.fee == FEE
    statuses = GetSignatureStatusesResp.from_json(localnet.answer("getSignatureStatuses", [signature]))
    assert isinstance(statuses, GetSignatureStatusesResp)
    assert statuses.value[0] is not None
    assert statuses.value[0].err is None
    account = GetAccountInfoResp.from_json(
        localnet.answer("getAccountInfo", str(payer.pubkey()), {**PROCESSED, "encoding": "base64"})
    )
    assert isinstance(account, GetAccountInfoResp)
    assert account.value is not None
    assert account.value.owner == SYSTEM
    assert isinstance(GetLatestBlockhashResp.from_json(localnet.answer("getLatestBlockhash")), GetLatestBlockhashResp)
    simulated = SimulateTransactionResp.from_json(
        localnet.answer(
            "simulateTransaction",
            wire(payment(payer, MEMO, 1, localnet.blockhash())),
            {**PROCESSED, "encoding": "base64"},
        )
    )
    assert isinstance(simulated, SimulateTransactionResp)
    assert simulated.value.units_consumed == 150


def test_a_version_that_the_client_does_not_name_is_refused(localnet: Localnet) -> None:
    payer = localnet.funded()
    signature = localnet.send(payment(payer, Pubkey.new_unique(), SOL, localnet.blockhash()))
    with refused(-32015, 'Transaction version .0. is not supported .* "maxSupportedTransactionVersion": 0'):
        localnet("getTransaction", signature, {"commitment": "confirmed"})
    with refused(-32602, "Method does not support commitment below `confirmed`"):
        localnet("getTransaction", signature, {**PROCESSED, "maxSupportedTransactionVersion": 0})


def test_a_transaction_is_read_back_byte_by_byte(localnet: Localnet) -> None:
    payer = localnet.funded()
    transaction = payment(payer, Pubkey.new_unique(), SOL, localnet.blockhash())
    signature = localnet.send(transaction)
    options = {"commitment": "confirmed", "maxSupportedTransactionVersion": 0}
    for encoding, text in (("base64", wire(transaction)), ("base58", base58.encode(bytes(transaction)))):
        answer = localnet("getTransaction", signature, {**options, "encoding": encoding})
        assert answer["transaction"] == [text, encoding]


def test_the_history_of_an_address_is_newest_first(localnet: Localnet) -> None:
    payer, to = localnet.funded(), Pubkey.new_unique()
    signatures = [localnet.send(payment(payer, to, SOL + n, localnet.blockhash())) for n in range(3)]
    failed = localnet.send(payment(payer, to, 90 * SOL, localnet.blockhash()), skipPreflight=True)
    newest_first = [failed, *reversed(signatures)]

    def history(**options: Any) -> list[str]:
        found = localnet("getSignaturesForAddress", str(to), {"commitment": "confirmed", **options})
        return [each["signature"] for each in found]

    assert history() == newest_first
    assert history(limit=2) == newest_first[:2]
    assert history(before=newest_first[1], until=newest_first[3]) == newest_first[2:3]
    entries = localnet("getSignaturesForAddress", str(to), {"commitment": "confirmed"})
    assert (entries[0]["err"], entries[1]["err"]) == ({"InstructionError": [0, {"Custom": 1}]}, None)
    with refused(-32602, "Invalid limit; max 1000"):
        history(limit=1001)


def test_fees_are_told_beforehand(localnet: Localnet) -> None:
    payer = localnet.funded()
    budget = [set_compute_unit_limit(50_000), set_compute_unit_price(2_000)]
    transaction = signed(payer, [*budget, transfer_of(payer, MEMO, 1)], localnet.blockhash())
    message = base64.b64encode(bytes(transaction.message)).decode()
    assert localnet.value("getFeeForMessage", message, PROCESSED) == FEE + 100


def test_recent_prices_are_those_that_wrote_an_account(localnet: Localnet) -> None:
    payer, other = localnet.funded(), localnet.funded()
    priced = [set_compute_unit_limit(1_000), set_compute_unit_price(777)]
    localnet.send(signed(payer, priced, localnet.blockhash()))
    localnet.send(payment(other, Pubkey.new_unique(), SOL, localnet.blockhash()))

    def fees(*addresses: Pubkey) -> list[int]:
        return [
            each["prioritizationFee"] for each in localnet("getRecentPrioritizationFees", list(map(str, addresses)))
        ]

    assert fees(payer.pubkey())[-2:] == [777, 0]
    assert fees(other.pubkey())[-2:] == [777, 0]  # the cheapest transaction of that block paid 777
    slots = [each["slot"] for each in localnet("getRecentPrioritizationFees")]
    assert slots == sorted(slots)
    assert slots[-1] == localnet("getSlot", PROCESSED)


def test_the_cluster_describes_itself(localnet: Localnet) -> None:
    assert localnet("getHealth") == "ok"
    assert localnet("getVersion")["solana-core"]
    assert len(base58.decode(localnet("getGenesisHash"))) == 32
    epoch = localnet("getEpochInfo", PROCESSED)
    assert epoch["absoluteSlot"] == localnet("getSlot", PROCESSED)
    assert epoch["blockHeight"] == localnet("getBlockHeight", PROCESSED)
    assert 0 <= epoch["slotIndex"] < epoch["slotsInEpoch"]
    assert localnet("getMinimumBalanceForRentExemption", 0) == 890_880
    assert localnet("getMinimumBalanceForRentExemption", 165) == 2_039_280


def test_calls_are_counted_by_method(localnet: Localnet) -> None:
    localnet("getHealth")
    localnet("getHealth")
    with refused(-32602, "at most 0 parameters"):
        localnet("getVersion", 1)
    with refused(-32601, "Method not found"):
        localnet("getNothing")
    assert localnet("localnet_calls") == {"getHealth": 2, "getVersion": 1, "localnet_calls": 1}
