"""The order state machine in moto's interpreter and in the emulator's, with the functions' handlers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import boto3
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.utils import TMP_THREADS

from emulator.common.account import REGION
from emulator.lambda_.functions import Invocation
from emulator.states.errors import Failure
from emulator.states.interpreter import Execution, Interpreter, Scope
from emulator.states.language import parse
from emulator.states.tasks import Tasks
from order_engine.api.views import order_view
from order_engine.aws.state_machine import ExpressStateMachine
from order_engine.domain.errors import MAX_ATTEMPTS
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import U64_MAX
from order_engine.domain.quotes import Offer
from order_engine.domain.runs import Run
from order_engine.services.dispatching import Dispatch, ExecutionFailed
from order_engine.simulation.faults import set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from tests.support.aws import ROOT, call
from tests.support.databases import clean
from tests.support.emulator.no_functions import NoFunctions
from tests.support.functions import Functions, new_environment
from tests.support.open_orders import activate, limit, open_order
from tests.support.orders import CLIENT, LEASE, LIFE, REQUEST, new_order
from tests.support.simulation import live, quoted

ACCOUNT = "123456789012"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"

Answer = dict[str, Any]
Interpret = Callable[[str, str], Answer]


def definition() -> str:
    text = (ROOT / "statemachine" / "order.asl.json").read_text()
    for name in ("Route", "Execute"):
        text = text.replace(f"${{{name}FunctionArn}}", f"{FUNCTION}{name.lower()}")
    assert "${" not in text
    return text


class Lambda(NoFunctions):
    """The handlers as both interpreters call them. Keeps the steps that were taken."""

    def __init__(self, functions: Functions) -> None:
        self.handlers = {name: functions.handler(name) for name in ("route", "execute")}
        self.steps: list[str] = []

    def call(self, arn: str, payload: bytes) -> tuple[Any, bool]:
        name = arn.rpartition(":")[2]
        self.steps.append(json.loads(payload).get("step", name))
        return call(self.handlers[name], payload)

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        result, error = await asyncio.to_thread(self.call, name_or_arn, payload)
        return Invocation(json.dumps(result).encode(), error)


class Machine:
    """Step Functions as `ExpressStateMachine` calls it, on an interpreter. Keeps the last answer."""

    def __init__(self, interpret: Interpret) -> None:
        self._interpret = interpret
        self.answer: Answer = {}

    def call(self, operation: str, request: dict[str, str]) -> Answer:
        assert operation == "StartSyncExecution"
        self.answer = self._interpret(request["name"], request["input"])
        return self.answer


@pytest.fixture(scope="module")
def lambda_(environment: dict[str, str]) -> Iterator[Lambda]:
    with new_environment(environment) as functions:
        yield Lambda(functions)


@pytest.fixture(scope="module")
def moto(lambda_: Lambda) -> Iterator[Interpret]:
    """Runs a standard execution in moto and waits for it: moto has no synchronous executions."""

    def invoke(parameters: dict[str, Any], region: str, state_credentials: Any) -> Answer:
        result, error = lambda_.call(parameters["FunctionName"], parameters["Payload"])
        answer = {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": result}
        return {**answer, "FunctionError": "Unhandled"} if error else answer

    def interpret(name: str, input: str) -> Answer:
        started = client.start_execution(stateMachineArn=machine["stateMachineArn"], name=name, input=input)
        for thread in list(TMP_THREADS):
            thread.join()
        answer: Answer = client.describe_execution(executionArn=started["executionArn"])
        return answer

    with (
        pytest.MonkeyPatch.context() as patch,
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}),
    ):
        patch.delenv("AWS_ENDPOINT_URL")
        patch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoke)
        patch.setattr(logging.getLogger("moto"), "disabled", True)
        patch.setattr(retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: None))
        patch.setattr(WaitFunction, "_wait_interval", lambda wait, env, wait_seconds: None)
        client: Any = boto3.client("stepfunctions", region_name=REGION)
        role = f"arn:aws:iam::{ACCOUNT}:role/states"
        machine = client.create_state_machine(name="orders", definition=definition(), roleArn=role)
        yield interpret


@pytest.fixture(scope="module")
def emulator(lambda_: Lambda) -> Interpret:
    async def no_sleep(seconds: float) -> None:
        pass

    async def no_queue(request: dict[str, Any]) -> dict[str, Any]:
        raise AssertionError(f"expected no message, was {request}")

    def interpret(name: str, input: str) -> Answer:
        execution = Execution({"Name": name, "Input": json.loads(input)}, {"Id": "arn", "Name": "orders"})
        execution.record("ExecutionStarted", 0, {})
        interpreter = Interpreter(Tasks(lambda_, no_queue), sleep=no_sleep)
        graph = parse(json.loads(definition())).graph
        try:
            output = asyncio.run(interpreter.run(graph, json.loads(input), Scope(execution)))
        except Failure as failure:
            return {"status": "FAILED", "error": failure.error, "cause": failure.cause}
        return {"status": "SUCCEEDED", "output": json.dumps(output)}

    return interpret


# Faults of the market, the status in which the order starts, and the result


@dataclass(frozen=True)
class Story:
    """What happens to an order, and how it ends.

    `faults` are (step, kind, times) at both venues; `began` is the status in which an earlier run left the order.
    `code` is the execution's error, `statuses` are those of the order's events, and `quoted` orders name a quote. An
    order with a `limit`, in USDC for one SOL, is open at first.
    """

    name: str
    statuses: list[str]
    faults: tuple[tuple[str, str, int | None], ...] = ()
    began: Status = Status.PENDING
    code: str | None = None
    error: tuple[str, int, bool] | None = None
    attempt: int = 1
    swaps: int = 1
    also: str | None = None
    quoted: bool = False
    limit: str | None = None


NOT_SWAPPED = LIFE[1:4]
LOOSE, STRICT = "0.000001", "1000000"
STORIES = [
    Story("nothing goes wrong", LIFE),
    *(
        Story(f"the venues fail at {step} until the last try", LIFE, ((step, "fail", MAX_ATTEMPTS - 1),))
        for step in ("build", "submit", "confirm")
    ),
    Story("the venues fail to quote until the last try", LIFE, (("quote", "fail", MAX_ATTEMPTS - 1),)),
    Story("sending times out after the swap has landed", LIFE, (("submit", "timeout", 1),)),
    Story(
        "the venues never quote",
        ["pending", "failed"],
        (("quote", "fail", None),),
        code="OrderFailed",
        error=("VenueUnavailable", MAX_ATTEMPTS, True),
        swaps=0,
    ),
    Story(
        "the venues never build",
        ["pending", "routing", "failed"],
        (("build", "fail", None),),
        code="OrderFailed",
        error=("VenueUnavailable", MAX_ATTEMPTS, True),
        swaps=0,
    ),
    Story("no venue takes the transaction for a while", LIFE, (("submit", "fail", 3 * MAX_ATTEMPTS + 1),)),
    Story("nobody can say for a while whether it has landed", LIFE, (("confirm", "fail", 3 * MAX_ATTEMPTS + 1),)),
    Story("the chain drops the transaction three times", LIFE, (("submit", "drop", 3),)),
    Story(
        "there is no pool",
        ["pending", "failed"],
        code="OrderFailed",
        error=("NoRoute", 1, False),
        swaps=0,
        also="DELETE FROM market_pools",
    ),
    Story(
        "it slips once",
        ["pending", *NOT_SWAPPED, *LIFE[1:]],
        (("submit", "slip", 1),),
        attempt=2,
    ),
    Story(
        "it slips until it fails",
        ["pending", *NOT_SWAPPED * MAX_ATTEMPTS, "failed"],
        (("submit", "slip", None),),
        code="OrderFailed",
        error=("SlippageExceeded", MAX_ATTEMPTS, True),
        attempt=MAX_ATTEMPTS,
        swaps=0,
    ),
    Story("an earlier run got as far as routing", ["pending", "routing", *LIFE[1:]], began=Status.ROUTING),
    Story("an earlier run got as far as building", LIFE, began=Status.BUILDING),
    Story("an earlier run got as far as submitted", LIFE, began=Status.SUBMITTED),
    Story(
        "an earlier run died between recording and sending",
        LIFE,
        began=Status.SUBMITTED,
        also="DELETE FROM market_transactions",
    ),
    Story(
        "an earlier run built what has expired since",
        [*LIFE[:3], "submitted", *LIFE[1:]],
        began=Status.BUILDING,
        attempt=2,
        also="UPDATE orders SET transaction = jsonb_set(transaction, '{last_valid_height}', '1')",
    ),
    Story(
        "an earlier run sent what was dropped and has expired since",
        [*LIFE[:4], *LIFE[1:]],
        began=Status.SUBMITTED,
        attempt=2,
        also="WITH dropped AS (DELETE FROM market_transactions)"
        " UPDATE orders SET transaction = jsonb_set(transaction, '{last_valid_height}', '1')",
    ),
    Story(
        "an earlier run slipped twice",
        ["pending", *NOT_SWAPPED, "failed"],
        (("submit", "slip", None),),
        began=Status.BUILDING,
        code="OrderFailed",
        error=("SlippageExceeded", MAX_ATTEMPTS, True),
        attempt=MAX_ATTEMPTS,
        swaps=0,
        also=f"UPDATE orders SET attempt = {MAX_ATTEMPTS}",
    ),
    Story("it names a quote", LIFE, quoted=True),
    Story(
        "it names a quote, and confirming fails at first", LIFE, (("confirm", "fail", MAX_ATTEMPTS - 1),), quoted=True
    ),
    Story(
        "it names a quote and slips",
        ["pending", *NOT_SWAPPED, "failed"],
        (("submit", "slip", None),),
        code="OrderFailed",
        error=("SlippageExceeded", 1, False),
        swaps=0,
        quoted=True,
    ),
    Story(
        "it names a quote that expires before it is signed",
        ["pending", "routing", "failed"],
        code="OrderFailed",
        error=("QuoteExpired", 1, False),
        swaps=0,
        also="UPDATE quotes SET quote = jsonb_set(quote, '{expires_at}', '1')",
        quoted=True,
    ),
    Story(
        "it names a quote, and an earlier run built what has expired since",
        [*LIFE[:3], "submitted", "failed"],
        began=Status.BUILDING,
        code="OrderFailed",
        error=("QuoteExpired", 1, False),
        swaps=0,
        also="UPDATE orders SET transaction = jsonb_set(transaction, '{last_valid_height}', '1')",
        quoted=True,
    ),
    Story("its limit is met", ["open", *LIFE], limit=LOOSE),
    Story("it misses its limit", ["open", "pending", "open"], limit=STRICT, swaps=0),
    Story(
        "it slips until it waits again",
        ["open", "pending", *NOT_SWAPPED * MAX_ATTEMPTS, "open"],
        (("submit", "slip", None),),
        limit=LOOSE,
        swaps=0,
    ),
    Story(
        "an earlier run sent what has expired since, and now it misses its limit",
        ["open", "pending", *NOT_SWAPPED, "open"],
        began=Status.SUBMITTED,
        limit=LOOSE,
        swaps=0,
        also="WITH dropped AS (DELETE FROM market_transactions)"
        f" UPDATE orders SET limit_out = {U64_MAX}, transaction = jsonb_set(transaction, '{{last_valid_height}}', '1')",
    ),
]


def begin(story: Story, orders: PostgresOrderStore, database: Database, lambda_: Lambda) -> UUID:
    request = REQUEST
    if story.quoted:
        request = replace(REQUEST, quote_id=uuid7())
        quote = quoted(live(database), "SOL-USDC", REQUEST.amount_in)
        offer = Offer(cast(UUID, request.quote_id), quote, REQUEST.slippage_bps, {"priceImpactBps": 1})
        PostgresQuoteStore(database).insert(CLIENT, offer)
    order = open_order(database, limit(story.limit)) if story.limit else new_order(orders, request)
    if story.limit:
        activate(database, order)
    claim = orders.claim(order.id, "an earlier run", LEASE)
    assert claim is not None
    run: Any = Run.of(claim).dump()
    for step in ("route", "build", "submit")[: LIFE.index(story.began)]:
        function = "route" if step == "route" else "execute"
        payload = json.dumps({"order": run, "attempt": 1, "step": step}).encode()
        run, failed = lambda_.call(FUNCTION + function, payload)
        assert not failed, run
    orders.release(order.id, "an earlier run")
    if story.also:
        database.execute(story.also)
    for step, kind, times in story.faults:
        for venue in VENUES:
            set_fault(database, venue, step, kind, times)
    lambda_.steps.clear()
    return order.id


def play(story: Story, interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda) -> Answer:
    """Dispatches the order and returns the result without the values that differ between orders."""
    order_id = begin(story, orders, database, lambda_)
    machine = Machine(interpret)
    express = ExpressStateMachine(cast(Any, machine), "arn")
    dispatch = Dispatch(orders=orders, publish=lambda events, listeners: None, machine=express)
    ended = True
    try:
        dispatch.run(order_id, f"run-{order_id}")
    except ExecutionFailed:
        ended = False
    order = orders.get(order_id)
    swaps = database.fetch("SELECT signature FROM market_transactions WHERE swapped")
    assert [swap["signature"] for swap in swaps] == ([order.tx_hash] if swaps else [])
    shown = order_view(order)
    for name in ("orderId", "quoteId", "createdAt", "updatedAt", "txHash"):
        shown.pop(name)
    if shown["error"]:
        shown["error"]["message"] = re.sub(r"[\d.]+ s ago", "… s ago", shown["error"]["message"])
    return {
        "order": shown,
        "events": [(event.seq, event.status.value, event.attempt) for event in orders.events(order_id)],
        "execution": (machine.answer["status"], machine.answer.get("error")),
        "output": json.loads(machine.answer.get("output", "null")) and "an order",
        "ended": ended,
        "swaps": len(swaps),
        "steps": list(lambda_.steps),
    }


@pytest.fixture(params=["moto", "emulator"])
def interpret(request: pytest.FixtureRequest) -> Interpret:
    made: Interpret = request.getfixturevalue(request.param)
    return made


@pytest.mark.parametrize("story", STORIES, ids=[story.name.replace(" ", "-") for story in STORIES])
def test_an_order_ends_as_its_story_expects(
    story: Story, interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda
) -> None:
    found = play(story, interpret, orders, database, lambda_)
    assert [status for _, status, _ in found["events"]] == story.statuses
    assert [seq for seq, _, _ in found["events"]] == list(range(1, len(story.statuses) + 1))
    assert found["order"]["status"] == story.statuses[-1]
    assert found["order"]["attempt"] == story.attempt
    assert found["execution"] == (("FAILED", story.code) if story.code else ("SUCCEEDED", None))
    assert found["ended"] is (story.statuses[-1] in ("confirmed", "failed", "open"))
    assert found["swaps"] == story.swaps
    error = found["order"]["error"]
    assert (error and (error["code"], error["attempts"], error["retryable"])) == story.error
    assert ("failed" in story.statuses) is (error is not None)


@pytest.mark.parametrize("story", STORIES, ids=[story.name.replace(" ", "-") for story in STORIES])
def test_both_interpreters_tell_the_same_story(
    story: Story,
    moto: Interpret,
    emulator: Interpret,
    orders: PostgresOrderStore,
    database: Database,
    database_url: str,
    lambda_: Lambda,
) -> None:
    theirs = play(story, moto, orders, database, lambda_)
    clean(database_url)
    assert play(story, emulator, orders, database, lambda_) == theirs


def test_an_execution_answers_with_the_order(interpret: Interpret, orders: PostgresOrderStore, lambda_: Lambda) -> None:
    order = orders.claim(new_order(orders).id, "run-1", LEASE)
    assert order is not None
    input = json.dumps({"order": Run.of(order).dump(), "attempt": {"number": 1}})
    answer = interpret(f"run-{order.id}", input)
    assert answer["status"] == "SUCCEEDED"
    run = Run.load(json.loads(answer["output"]), 1)
    after = orders.get(order.id)
    assert (run.status, run.order_id, run.run) == (Status.CONFIRMED, order.id, "run-1")
    assert run.transaction is not None
    assert run.transaction.dump() == after.transaction


def test_each_step_is_taken_once_when_nothing_goes_wrong(
    interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda
) -> None:
    assert play(STORIES[0], interpret, orders, database, lambda_)["steps"] == ["route", "build", "submit", "confirm"]


def test_the_machine_asks_for_the_result_until_there_is_one(
    interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda
) -> None:
    """GIVEN a chain that drops the transaction three times, WHEN each question sends it again."""
    (story,) = (story for story in STORIES if "drops" in story.name)
    steps = play(story, interpret, orders, database, lambda_)["steps"]
    assert steps == ["route", "build", "submit", *["confirm"] * 4]


@pytest.mark.parametrize("status", [Status.PENDING, Status.BUILDING, Status.SUBMITTED])
def test_a_superseded_run_ends_at_once_and_changes_nothing(
    interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda, status: Status
) -> None:
    order_id = begin(Story("", [], began=status), orders, database, lambda_)
    claim = orders.claim(order_id, "run-1", LEASE)
    assert claim is not None
    input = json.dumps({"order": Run.of(claim).dump(), "attempt": {"number": 1}})
    orders.release(order_id, "run-1")
    assert orders.claim(order_id, "run-2", LEASE) is not None
    before = orders.get(order_id)
    answer = interpret(f"run-{order_id}", input)
    assert (answer["status"], answer["error"]) == ("FAILED", "StaleRun")
    assert orders.get(order_id) == before
    assert len(lambda_.steps) == 1


@pytest.mark.parametrize("status", [Status.PENDING, Status.ROUTING, Status.BUILDING])
def test_the_run_of_a_cancelled_order_ends_at_once_and_changes_nothing(
    interpret: Interpret, orders: PostgresOrderStore, database: Database, lambda_: Lambda, status: Status
) -> None:
    order_id = begin(Story("", [], began=status), orders, database, lambda_)
    claim = orders.claim(order_id, "run-1", LEASE)
    assert claim is not None
    orders.cancel(CLIENT, order_id)
    before = orders.get(order_id)
    input = json.dumps({"order": Run.of(claim).dump(), "attempt": {"number": 1}})
    answer = interpret(f"run-{order_id}", input)
    assert (answer["status"], answer["error"]) == ("FAILED", "StaleRun")
    assert orders.get(order_id) == before
    assert database.fetch("SELECT * FROM market_transactions") == []


def test_a_defect_fails_the_order_with_its_name(
    interpret: Interpret, orders: PostgresOrderStore, lambda_: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(event: Any, context: Any) -> Any:
        raise KeyError("price")

    order = orders.claim(new_order(orders).id, "run-1", LEASE)
    assert order is not None
    monkeypatch.setitem(lambda_.handlers, "route", defect)
    input = json.dumps({"order": Run.of(order).dump(), "attempt": {"number": 1}})
    answer = interpret(f"run-{order.id}", input)
    assert (answer["status"], answer["error"]) == ("FAILED", "OrderFailed")
    assert orders.get(order.id).error == {
        "version": 1,
        "code": "InternalError",
        "message": "KeyError: 'price'",
        "attempts": MAX_ATTEMPTS,
        "retryable": True,
    }
    assert lambda_.steps[-2:] == ["route", "fail"]
