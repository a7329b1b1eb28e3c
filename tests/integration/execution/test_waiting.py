"""Orders whose transaction is sent and has no result yet."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from order_engine.domain.errors import (
    ChainRefused,
    EngineError,
    InsufficientFunds,
    QuoteExpired,
    SignatureMismatch,
    SlippageExceeded,
    StaleRun,
    VenueUnavailable,
)
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.runs import Run
from order_engine.domain.timing import LEASE_SECONDS
from order_engine.domain.transactions import Fill, Transaction
from order_engine.services.execution import Execution
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from tests.support.databases import pass_time
from tests.support.fakes import FakeChain, FakeVenue, fake_execution
from tests.support.orders import LEASE, LIFE, statuses
from tests.support.runs import CAUGHT, at, passed_on, start


@dataclass
class SlowChain(FakeChain):
    """A chain on which a transaction lands once it was sent `lands_after` times.

    `verdict` is what it answers instead of a fill, and `complaint` what its node answers to every transaction.
    """

    lands_after: int = 1_000
    verdict: EngineError | None = None
    complaint: EngineError | None = None
    asked: int = field(default=0, init=False)

    def submit(self, transaction: Transaction) -> None:
        super().submit(transaction)
        if self.complaint:
            raise self.complaint

    def confirm(self, transaction: Transaction) -> Fill | None:
        self.asked += 1
        if len(self.sent) < self.lands_after:
            return None
        if self.verdict:
            raise self.verdict
        return super().confirm(transaction)


@pytest.fixture
def chain() -> SlowChain:
    return SlowChain()


@pytest.fixture
def execution(chain: SlowChain, database: Database, published: list[Event]) -> Execution:
    return fake_execution(
        database,
        FakeVenue("raydium"),
        chain=chain,
        publish=lambda events, listeners: published.extend(events),
    )


@pytest.fixture
def waiting(execution: Execution, orders: PostgresOrderStore) -> Run:
    """The run of an order whose transaction was sent once."""
    return at(execution, start(orders), Status.SUBMITTED)


def caught(error: EngineError) -> dict[str, str]:
    """The error as the state machine catches it."""
    return {"Error": error.code, "Cause": json.dumps({"errorMessage": str(error)})}


def test_an_order_without_a_result_stays_as_it_is(
    execution: Execution, orders: PostgresOrderStore, waiting: Run, published: list[Event]
) -> None:
    assert execution.confirm(waiting) == waiting
    assert orders.get(waiting.order_id).status is Status.SUBMITTED
    assert statuses(orders, waiting.order_id) == LIFE[:4]
    assert [event.status for event in published] == LIFE[1:4]


def test_the_transaction_is_sent_again_at_each_question_until_it_lands(
    execution: Execution, orders: PostgresOrderStore, chain: SlowChain, waiting: Run
) -> None:
    chain.lands_after = 4
    run = waiting
    for sent in (2, 3, 4):
        run = passed_on(execution.confirm(run))
        assert (run.status, len(chain.sent)) == (Status.SUBMITTED, sent)
    assert execution.confirm(run).status is Status.CONFIRMED
    # No question is asked twice, and nothing is sent that has landed.
    assert (chain.asked, chain.sent) == (4, [orders.get(run.order_id).tx_hash] * 4)


def test_each_question_renews_the_lease(
    execution: Execution, orders: PostgresOrderStore, database: Database, waiting: Run
) -> None:
    for _ in range(3):
        pass_time(database, LEASE_SECONDS - 5)
        execution.confirm(waiting)
        assert orders.claim(waiting.order_id, "run-2", LEASE) is None
    pass_time(database, LEASE_SECONDS + 1)
    assert orders.claim(waiting.order_id, "run-2", LEASE) is not None


def test_a_run_that_has_lost_its_order_stops_asking_and_sends_nothing(
    execution: Execution, orders: PostgresOrderStore, database: Database, chain: SlowChain, waiting: Run
) -> None:
    pass_time(database, LEASE_SECONDS + 1)
    successor = orders.claim(waiting.order_id, "run-2", LEASE)
    assert successor is not None
    with pytest.raises(StaleRun, match=f"expected order {waiting.order_id} with run {waiting.run}"):
        execution.confirm(waiting)
    assert len(chain.sent) == 1
    execution.confirm(Run.of(successor))
    assert len(chain.sent) == 2


def test_the_run_of_an_order_that_has_ended_stops_asking_and_sends_nothing(
    execution: Execution, chain: SlowChain, waiting: Run
) -> None:
    execution.fail(waiting, caught(QuoteExpired("too late")))
    with pytest.raises(StaleRun):
        execution.confirm(waiting)
    assert len(chain.sent) == 1


@pytest.mark.parametrize(
    "verdict",
    [ChainRefused("Raydium CP-Swap: NotApproved"), InsufficientFunds("expected 1.5 SOL in the wallet, was 0.2 SOL")],
    ids=lambda verdict: verdict.code,
)
def test_a_final_result_of_the_chain_fails_the_order_once_with_its_code(
    execution: Execution,
    orders: PostgresOrderStore,
    chain: SlowChain,
    waiting: Run,
    published: list[Event],
    verdict: EngineError,
) -> None:
    chain.lands_after, chain.verdict = 2, verdict
    run = passed_on(execution.confirm(waiting))
    with pytest.raises(type(verdict)):
        execution.confirm(run)
    assert execution.fail(run, caught(verdict)).status is Status.FAILED
    assert len(chain.sent) == 2
    order = orders.get(run.order_id)
    assert order.error == {
        "version": 1,
        "code": verdict.code,
        "message": str(verdict),
        "attempts": 1,
        "retryable": False,
    }
    assert statuses(orders, run.order_id) == [*LIFE[:4], "failed"]
    assert [event.status for event in published].count(Status.FAILED) == 1


@pytest.mark.parametrize(
    "verdict",
    [SlippageExceeded("too little"), QuoteExpired("dead"), ChainRefused("paused")],
    ids=lambda error: error.code,
)
def test_an_order_that_is_given_up_fails_once_the_chain_says_that_it_never_swaps(
    execution: Execution, orders: PostgresOrderStore, chain: SlowChain, waiting: Run, verdict: EngineError
) -> None:
    """GIVEN a run that gives up for another reason than the chain's."""
    chain.lands_after, chain.verdict = 2, verdict
    with pytest.raises(VenueUnavailable, match=f"{chain.sent[0]} may still land"):
        execution.fail(waiting, CAUGHT)
    assert len(chain.sent) == 2
    assert execution.fail(waiting, CAUGHT).status is Status.FAILED
    failed = orders.get(waiting.order_id).error
    assert failed is not None
    assert (failed["code"], len(chain.sent)) == ("VenueUnavailable", 2)


def test_an_order_fails_if_its_transaction_dies_while_it_is_given_up(
    execution: Execution, chain: SlowChain, waiting: Run
) -> None:
    chain.complaint = QuoteExpired("it can no longer land")
    assert execution.fail(waiting, CAUGHT).status is Status.FAILED


def test_a_wrong_signature_is_no_verdict(
    execution: Execution, orders: PostgresOrderStore, chain: SlowChain, waiting: Run
) -> None:
    """GIVEN a node that answers with another signature each time, and a transaction that lands all the same."""
    mismatch = SignatureMismatch("expected signature 5deP…, was 3GEo…")
    chain.complaint, chain.lands_after = mismatch, 4
    with pytest.raises(SignatureMismatch):
        execution.confirm(waiting)
    for _ in range(2):
        with pytest.raises(VenueUnavailable, match="may still land"):
            execution.fail(waiting, caught(mismatch))
        assert orders.get(waiting.order_id).status is Status.SUBMITTED
    assert execution.fail(waiting, caught(mismatch)).status is Status.CONFIRMED


def test_a_wrong_signature_fails_the_order_once_the_transaction_is_dead(
    execution: Execution, orders: PostgresOrderStore, chain: SlowChain, waiting: Run
) -> None:
    chain.lands_after, chain.verdict = 1, QuoteExpired("it did not land in time")
    execution.fail(waiting, caught(SignatureMismatch("expected signature 5deP…, was 3GEo…")))
    failed = orders.get(waiting.order_id).error
    assert failed is not None
    assert (failed["code"], failed["retryable"]) == ("SignatureMismatch", False)
