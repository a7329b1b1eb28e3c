"""What the chain makes of a node's answers: which transaction is signed, and what becomes of it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from solders.transaction import VersionedTransaction

from order_engine.domain.errors import (
    ChainRefused,
    EngineError,
    InsufficientFunds,
    QuoteExpired,
    SignatureMismatch,
    SlippageExceeded,
    VenueUnavailable,
)
from order_engine.domain.pools import RegisteredPool, Source
from order_engine.domain.quotes import Costs, PlannedSwap, Quote
from order_engine.domain.transactions import Transaction
from order_engine.solana.accounts import Account
from order_engine.solana.addresses import SYSTEM, associated_token_account, decode, encode
from order_engine.solana.chain import SolanaChain
from order_engine.solana.lookup_tables import LookupTables
from order_engine.solana.nodes import Nodes
from order_engine.solana.rpc import Rpc
from order_engine.solana.signing import Keypair
from order_engine.solana.wallet import SolanaWallet
from tests.support.deployments import MAINNET
from tests.support.pool_registry import Registry
from tests.support.solana_node import FakeNode, Refusal
from tests.unit.engine.solana.ledger import companions_of, ledger_of
from tests.unit.engine.solana.samples import Sample

RENT = 2_039_280
ORDER = UUID("01a1fa72-0b07-7468-9d18-a3aa29f91511")
KEYPAIR = Keypair(
    decode("5NC6aAQz9x4Aun3qxfj6KVWhu2piKqibFse9Z54sq1PqZGR3jUfrnA4uecezZ2Zf88S6WQVKmFb3fSdVYqBYw54A", 64)
)
WALLET = encode(KEYPAIR.address)
BLOCKHASH = encode(bytes(range(32)))
SIGNATURE = encode(bytes(range(64)))
NOW = 1_000.0
LAST_VALID = 300
SLIPPAGE = {"InstructionError": [5, {"Custom": 6005}]}
USDC_ACCOUNT = encode(associated_token_account(KEYPAIR.address, MAINNET.mint("USDC")))


@dataclass
class Chain:
    """The chain under test, its node, and what is on chain."""

    node: FakeNode
    pool: Sample
    chain: SolanaChain
    registry: Registry
    accounts: dict[str, Account]
    signed: list[bytes] = field(default_factory=list)
    key: Keypair = KEYPAIR

    @property
    def quote(self) -> Quote:
        """1 SOL for USDC, as the pool quotes it."""
        out = self.pool.decode().state.quote(10**9, True, self.pool.clock.unix_timestamp).amount_out
        swap = PlannedSwap("raydium", encode(self.pool.address), "SOL", "USDC", 10**9, out)
        return Quote("SOL", "USDC", 10**9, out, (swap,), slot=101, expires_at=NOW + 30)

    def sign(self, message: bytes) -> bytes:
        self.signed.append(message)
        return self.key.sign(message)

    @property
    def address(self) -> bytes:
        return self.key.address


def answer(value: Any, slot: int = 102) -> dict[str, Any]:
    return {"context": {"slot": slot}, "value": value}


@pytest.fixture
def on(node: FakeNode) -> Chain:
    pool = Sample("raydium_cp")
    accounts = {encode(key): account for key, account in ledger_of(pool).found.items() if account is not None}

    def found(keys: list[str], options: Any) -> Any:
        held = [accounts.get(key) for key in keys]
        return answer(
            [
                one
                and {
                    "owner": encode(one.owner),
                    "lamports": one.lamports,
                    "data": [b64encode(one.data).decode(), "base64"],
                }
                for one in held
            ]
        )

    node.results |= {
        "getMultipleAccounts": found,
        "getMinimumBalanceForRentExemption": RENT,
        "getRecentPrioritizationFees": [{"slot": slot, "prioritizationFee": slot * 100} for slot in range(8)],
        "simulateTransaction": answer({"err": None, "logs": [], "unitsConsumed": 50_000}),
        "getLatestBlockhash": answer({"blockhash": BLOCKHASH, "lastValidBlockHeight": LAST_VALID}),
    }
    companions = tuple(map(encode, companions_of(pool)))
    registered = RegisteredPool(
        encode(pool.address), "raydium_cp", "raydium", "SOL", "USDC", companions, Source.BY_HAND
    )
    registry = Registry({registered.address: registered})
    rpc = Rpc(Nodes(node.url))
    wallet = SolanaWallet(rpc, MAINNET, KEYPAIR.address)
    chain = SolanaChain(
        rpc=rpc,
        deployment=MAINNET,
        registry=registry,
        wallet=wallet,
        signer=lambda: found_chain,
        tables=LookupTables(rpc),
        max_priority_fee=100_000,
        now=lambda: NOW,
    )
    found_chain = Chain(node, pool, chain, registry, accounts)
    return found_chain


class TestBuilding:
    def test_the_transaction_is_signed_and_its_signature_known_before_it_is_sent(self, on: Chain) -> None:
        quote = on.quote
        built = on.chain.build(quote, quote.amount_out - 5, ORDER)
        assert built.wire is not None
        parsed = VersionedTransaction.from_bytes(b64decode(built.wire))
        assert parsed.verify_with_results() == [True]
        assert str(parsed.signatures[0]) == built.signature
        assert str(parsed.message.account_keys[0]) == WALLET
        assert str(parsed.message.recent_blockhash) == BLOCKHASH
        assert (built.last_valid_height, built.min_out) == (LAST_VALID, quote.amount_out - 5)
        assert (built.token_in, built.token_out, built.amount_in, built.swaps) == ("SOL", "USDC", 10**9, quote.swaps)
        assert built.instructions[2] == "create the wSOL account with 1 SOL"
        assert on.node.called("sendTransaction") == []

    def test_four_calls_build_a_transaction(self, on: Chain) -> None:
        on.chain.build(on.quote, 1, ORDER)
        first = len(on.node.calls)
        on.chain.build(on.quote, 1, ORDER)
        assert [method for method, _ in on.node.calls[first:]] == [
            "getMultipleAccounts",
            "simulateTransaction",
            "getRecentPrioritizationFees",
            "getLatestBlockhash",
        ]

    def test_nodes_that_have_not_seen_the_quoted_slot_are_not_believed(self, on: Chain) -> None:
        on.chain.build(on.quote, 1, ORDER)
        options = [on.node.called(name)[0][-1] for name in ("simulateTransaction", "getLatestBlockhash")]
        assert [each["minContextSlot"] for each in options] == [101, 101]

    def test_the_limit_is_a_fifth_above_the_simulation_and_the_price_a_high_one_of_others(self, on: Chain) -> None:
        built = on.chain.build(on.quote, 1, ORDER)
        assert built.instructions[:2] == [
            "limit the transaction to 60001 compute units",
            "pay 600 micro-lamports for each of them",
        ]

    def test_the_priority_fee_has_a_limit(self, on: Chain) -> None:
        on.node.results["getRecentPrioritizationFees"] = [{"slot": 1, "prioritizationFee": 10**9}]
        built = on.chain.build(on.quote, 1, ORDER)
        price = 100_000 * 10**6 // 60_001
        assert built.instructions[1] == f"pay {price} micro-lamports for each of them"
        assert -(-60_001 * price // 10**6) <= 100_000

    def test_no_other_transactions(self, on: Chain) -> None:
        on.node.results["getRecentPrioritizationFees"] = []
        assert on.chain.build(on.quote, 1, ORDER).instructions[1] == "pay 0 micro-lamports for each of them"

    def test_the_simulation_pays_the_highest_fee(self, on: Chain) -> None:
        on.chain.build(on.quote, 1, ORDER)
        ((wire, _),) = on.node.called("simulateTransaction")
        message = VersionedTransaction.from_bytes(b64decode(wire)).message
        limit, price = (int.from_bytes(call.data[1:], "little") for call in message.instructions[:2])
        assert (limit, price) == (1_400_000, 100_000 * 10**6 // 1_400_000)

    def test_a_swap_that_takes_nearly_everything_is_limited_to_everything(self, on: Chain) -> None:
        on.node.results["simulateTransaction"] = answer({"err": None, "logs": [], "unitsConsumed": 1_300_000})
        built = on.chain.build(on.quote, 1, ORDER)
        assert built.instructions[0] == "limit the transaction to 1400000 compute units"

    def test_an_expired_quote_is_refused_before_anything_is_asked(self, on: Chain) -> None:
        quote = on.quote
        with pytest.raises(QuoteExpired):
            on.chain.build(Quote(*_fields(quote), slot=101, expires_at=NOW), 1, ORDER)
        assert on.node.calls == []

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (SLIPPAGE, SlippageExceeded),
            ("AccountNotFound", InsufficientFunds),
            ({"InstructionError": [5, "ProgramFailedToComplete"]}, QuoteExpired),
            ("BlockhashNotFound", VenueUnavailable),
        ],
    )
    def test_what_would_fail_is_not_signed(self, on: Chain, error: Any, expected: type[EngineError]) -> None:
        on.node.results["simulateTransaction"] = answer({"err": error, "logs": []})
        with pytest.raises(expected):
            on.chain.build(on.quote, 1, ORDER)
        assert on.signed == []

    def test_a_refusal_without_a_known_name_is_explained_by_what_the_wallet_lacks(self, on: Chain) -> None:
        on.node.results["simulateTransaction"] = answer(
            {"err": {"InstructionError": [5, {"Custom": 3012}]}, "logs": []}
        )
        with pytest.raises(InsufficientFunds, match="expected at least 1.00204428 SOL in the wallet, was 0 SOL"):
            on.chain.build(on.quote, 1, ORDER)
        on.accounts[WALLET] = Account(SYSTEM, 2 * 10**9, b"")
        with pytest.raises(ChainRefused, match="Raydium CP-Swap refused the transaction"):
            on.chain.build(on.quote, 1, ORDER)

    def test_a_pool_that_nobody_trades_in_any_more(self, on: Chain) -> None:
        quote = on.quote
        on.registry.pools.clear()
        with pytest.raises(QuoteExpired, match="can no longer be traded in"):
            on.chain.build(quote, 1, ORDER)

    def test_a_pool_that_was_closed(self, on: Chain) -> None:
        quote = on.quote
        on.pool.write("pool", "status", 4)
        on.accounts[encode(on.pool.address)] = on.pool.account("pool")
        with pytest.raises(QuoteExpired, match="can no longer be traded in: "):
            on.chain.build(quote, 1, ORDER)

    def test_a_pool_that_is_not_a_pool_any_more(self, on: Chain) -> None:
        quote = on.quote
        del on.accounts[encode(on.pool.address)]
        with pytest.raises(QuoteExpired, match="can no longer be traded in: expected a pool, was no account"):
            on.chain.build(quote, 1, ORDER)

    def test_the_key_of_another_wallet_signs_nothing(self, on: Chain) -> None:
        on.key = Keypair(
            decode("5k6gq1ZG7AxYZPQ8J2STeaV6kCQ2rT4z3rcyBvjujkxYrWBJgQmcTYuPs2GJAycC5m82c6WQom5rJKa5EiRpjhp1", 64)
        )
        with pytest.raises(ChainRefused, match=f"expected the key of wallet {WALLET}, was that of 4icxYV4q"):
            on.chain.build(on.quote, 1, ORDER)
        assert on.signed == []


def _fields(quote: Quote) -> tuple[str, str, int, int, tuple[PlannedSwap, ...]]:
    return quote.token_in, quote.token_out, quote.amount_in, quote.amount_out, quote.swaps


class TestCosts:
    def test_the_fee_is_estimated_and_new_accounts_have_rent(self, on: Chain) -> None:
        assert on.chain.costs(on.quote) == Costs(5_000 + 90, RENT)
        assert on.node.called("getRecentPrioritizationFees") == [[[encode(on.pool.address)]]]

    def test_an_account_that_exists_costs_nothing(self, on: Chain) -> None:
        on.accounts[USDC_ACCOUNT] = Account(SYSTEM, RENT, b"")
        assert on.chain.costs(on.quote).rent_lamports == 0

    def test_native_sol_needs_no_account(self, on: Chain) -> None:
        swap = PlannedSwap("raydium", encode(on.pool.address), "USDC", "SOL", 10**6, 10**7)
        assert on.chain.costs(Quote("USDC", "SOL", 10**6, 10**7, (swap,), 101, NOW)).rent_lamports == 0
        assert on.node.called("getMultipleAccounts") == []
        assert on.chain.costs(Quote("USDC", "wSOL", 10**6, 10**7, (swap,), 101, NOW)).rent_lamports == RENT

    def test_the_fee_has_a_limit(self, on: Chain) -> None:
        on.node.results["getRecentPrioritizationFees"] = [{"slot": 1, "prioritizationFee": 10**9}]
        assert on.chain.costs(on.quote).fee_lamports == 105_000


SENT = Transaction(SIGNATURE, "raydium", "SOL", "USDC", 10**9, 90, (), last_valid_height=LAST_VALID, wire="d2lyZQ==")


class TestSubmitting:
    def test_the_stored_bytes_are_sent(self, on: Chain) -> None:
        on.node.results["sendTransaction"] = SIGNATURE
        on.chain.submit(SENT)
        on.chain.submit(SENT)
        assert [parameters[0] for parameters in on.node.called("sendTransaction")] == ["d2lyZQ=="] * 2

    def test_another_signature_is_refused_by_name(self, on: Chain) -> None:
        on.node.results["sendTransaction"] = other = encode(bytes([1] * 64))
        with pytest.raises(SignatureMismatch, match=f"expected signature {SIGNATURE}, was {other}"):
            on.chain.submit(SENT)

    @pytest.mark.parametrize("reason", ["AlreadyProcessed", "BlockhashNotFound"])
    def test_a_refusal_that_proves_nothing_is_none(self, on: Chain, reason: str) -> None:
        on.node.results["sendTransaction"] = refusing(-32002, {"err": reason, "logs": []})
        on.chain.submit(SENT)

    @pytest.mark.parametrize(
        ("code", "data"), [(-32002, {"err": SLIPPAGE}), (-32002, None), (-32602, None), (-32003, None), (-32005, {})]
    )
    def test_any_other_refusal_is_tried_again(self, on: Chain, code: int, data: Any) -> None:
        """Even one of the price: the transaction may have been sent before, and may land at another price."""
        on.node.results["sendTransaction"] = refusing(code, data)
        with pytest.raises(VenueUnavailable, match=f"transaction {SIGNATURE} was not sent"):
            on.chain.submit(SENT)


def refusing(code: int, data: Any) -> Callable[..., Any]:
    def refuse(*parameters: Any) -> Any:
        raise Refusal(code, "refused", data)

    return refuse


def status(confirmation: str | None, error: Any = None, slot: int = 500) -> dict[str, Any]:
    value = None if confirmation is None else {"err": error, "confirmationStatus": confirmation}
    return answer([value], slot)


def final(height: int, slot: int = 400) -> dict[str, Any]:
    return {"absoluteSlot": slot, "blockHeight": height}


def landed(error: Any = None, log: tuple[str, ...] = ()) -> dict[str, Any]:
    """A transaction that took 1 SOL, a fee and the rent of a new account, and paid 100 USDC."""
    usdc = encode(MAINNET.mint("USDC"))
    balance = {"accountIndex": 1, "mint": usdc, "owner": WALLET, "uiTokenAmount": {"amount": "100"}}
    return {
        "slot": 402,
        "transaction": {
            "signatures": [SIGNATURE],
            "message": {"accountKeys": [WALLET, USDC_ACCOUNT], "instructions": [{"programIdIndex": 1}] * 7},
        },
        "meta": {
            "err": error,
            "fee": 5_100,
            "preBalances": [2 * 10**9, 0],
            "postBalances": [10**9 - 5_100 - RENT, RENT],
            "preTokenBalances": [],
            "postTokenBalances": [balance],
            "logMessages": list(log),
        },
    }


class TestConfirming:
    @pytest.mark.parametrize("confirmation", ["confirmed", "finalized"])
    def test_a_fill(self, on: Chain, confirmation: str) -> None:
        on.node.results |= {"getSignatureStatuses": status(confirmation), "getTransaction": landed()}
        fill = on.chain.confirm(SENT)
        assert fill is not None
        assert (fill.signature, fill.amount_in, fill.amount_out, fill.slot) == (SIGNATURE, 10**9, 100, 402)
        assert fill.costs == Costs(5_100, RENT)
        assert len(on.node.calls) == 2

    def test_a_fill_is_that_of_the_wallet_that_paid(self, on: Chain) -> None:
        """GIVEN an order that another wallet submitted, before the engine got its own."""
        other = encode(bytes([5] * 32))
        found = json.loads(json.dumps(landed()).replace(WALLET, other))
        on.node.results |= {"getSignatureStatuses": status("confirmed"), "getTransaction": found}
        fill = on.chain.confirm(SENT)
        assert fill is not None
        assert (fill.amount_in, fill.amount_out, fill.costs) == (10**9, 100, Costs(5_100, RENT))

    def test_a_node_of_another_cluster_does_not_tell(self, on: Chain) -> None:
        """GIVEN a transaction that may have landed on the cluster that its order was routed on."""
        rpc = Rpc(Nodes(on.node.url, MAINNET.market))
        chain = SolanaChain(
            rpc=rpc,
            deployment=MAINNET,
            registry=on.registry,
            wallet=SolanaWallet(rpc, MAINNET, KEYPAIR.address),
            signer=lambda: KEYPAIR,
            tables=LookupTables(rpc),
            max_priority_fee=0,
        )
        with pytest.raises(VenueUnavailable, match="expected a node of Mainnet, was one of Localnet"):
            chain.confirm(SENT)

    def test_an_error_is_final(self, on: Chain) -> None:
        log = ("Program log: AnchorError. Error Code: ExceededSlippage. Error Number: 6005. Error Message: x",)
        cp_swap = encode(on.pool.program.id)
        frame = (f"Program {cp_swap} invoke [1]", *log, f"Program {cp_swap} failed: custom program error: 0x1775")
        on.node.results |= {
            "getSignatureStatuses": status("confirmed", SLIPPAGE),
            "getTransaction": landed(SLIPPAGE, frame),
        }
        with pytest.raises(SlippageExceeded, match="Raydium CP-Swap refused the transaction: ExceededSlippage"):
            on.chain.confirm(SENT)

    @pytest.mark.parametrize("error", [None, SLIPPAGE])
    def test_what_may_still_be_forked_away_is_no_result(self, on: Chain, error: Any) -> None:
        on.node.results["getSignatureStatuses"] = status("processed", error)
        assert on.chain.confirm(SENT) is None

    def test_a_node_that_has_the_status_but_not_yet_the_transaction(self, on: Chain) -> None:
        on.node.results |= {"getSignatureStatuses": status("confirmed"), "getTransaction": None}
        assert on.chain.confirm(SENT) is None

    def test_unknown_and_may_still_land(self, on: Chain) -> None:
        on.node.results |= {"getSignatureStatuses": status(None), "getEpochInfo": final(LAST_VALID)}
        assert on.chain.confirm(SENT) is None
        assert on.node.called("getSignatureStatuses") == [[[SIGNATURE], {"searchTransactionHistory": False}]]

    def test_dead_once_a_later_block_is_final_and_history_does_not_know_it(self, on: Chain) -> None:
        on.node.results |= {"getSignatureStatuses": status(None), "getEpochInfo": final(LAST_VALID + 1)}
        with pytest.raises(
            QuoteExpired, match=f"{SIGNATURE} could land up to block 300, and has not: block 301 is final"
        ):
            on.chain.confirm(SENT)
        order = [method for method, _ in on.node.calls]
        assert order == ["getSignatureStatuses", "getEpochInfo", "getSignatureStatuses"]
        assert on.node.calls[-1][1][1] == {"searchTransactionHistory": True}

    def test_the_history_of_a_node_that_lags_behind_proves_nothing(self, on: Chain) -> None:
        on.node.results |= {
            "getSignatureStatuses": status(None, slot=399),
            "getEpochInfo": final(LAST_VALID + 1, slot=400),
        }
        assert on.chain.confirm(SENT) is None

    def test_history_may_know_what_the_node_has_forgotten(self, on: Chain) -> None:
        def remembered(signatures: list[str], options: dict[str, bool]) -> Any:
            return status("finalized" if options["searchTransactionHistory"] else None)

        on.node.results |= {
            "getSignatureStatuses": remembered,
            "getEpochInfo": final(LAST_VALID + 500),
            "getTransaction": landed(),
        }
        fill = on.chain.confirm(SENT)
        assert fill is not None
        assert fill.amount_out == 100

    def test_a_node_without_history_proves_nothing(self, on: Chain) -> None:
        def without_history(signatures: list[str], options: dict[str, bool]) -> Any:
            if options["searchTransactionHistory"]:
                raise Refusal(-32011, "Transaction history is not available from this node")
            return status(None)

        on.node.results |= {"getSignatureStatuses": without_history, "getEpochInfo": final(LAST_VALID + 1)}
        with pytest.raises(VenueUnavailable, match="Transaction history is not available"):
            on.chain.confirm(SENT)

    def test_another_transaction_is_refused_by_name(self, on: Chain) -> None:
        found = landed()
        found["transaction"]["signatures"] = [encode(bytes([1] * 64))]
        on.node.results |= {"getSignatureStatuses": status("confirmed"), "getTransaction": found}
        with pytest.raises(VenueUnavailable, match=f"nonsense: ValueError: expected transaction {SIGNATURE}"):
            on.chain.confirm(SENT)
