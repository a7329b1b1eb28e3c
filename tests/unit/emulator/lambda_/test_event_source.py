from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from emulator.common.account import arn
from emulator.common.errors import ApiError
from emulator.lambda_ import records
from emulator.lambda_.event_source import EventSourceMapping, failed_messages
from emulator.lambda_.functions import Invocation
from emulator.sqs.message_queue import MessageQueue, State
from emulator.sqs.records import Queue, Redrive
from emulator.sqs.service import Sqs
from tests.support.emulator.clock import EPOCH, FakeClock, settled
from tests.support.emulator.no_functions import NoFunctions

THROTTLE = ApiError("TooManyRequestsException", "Rate Exceeded.", 429)


class FakeLambda(NoFunctions):
    """Runs every invocation until the test ends it. More than `capacity` at once are throttled."""

    def __init__(self, capacity: int = 10_000) -> None:
        self.capacity = capacity
        self.running: list[tuple[list[dict[str, Any]], asyncio.Future[Invocation]]] = []
        self.started: list[list[dict[str, Any]]] = []
        self.throttles = 0
        self.most = 0
        self.sizes: list[int] = []

    async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
        assert name_or_arn == "consumer"
        if len(self.running) >= self.capacity:
            self.throttles += 1
            raise THROTTLE
        records = json.loads(payload)["Records"]
        response: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        entry = (records, response)
        self.running.append(entry)
        self.started.append(records)
        self.sizes.append(len(payload))
        self.most = max(self.most, len(self.running))
        try:
            return await response
        finally:
            self.running.remove(entry)

    async def end(self, response: Any = None, *, error: bool = False) -> None:
        """Ends the oldest invocation."""
        payload = response if isinstance(response, bytes) else json.dumps(response).encode()
        self.running[0][1].set_result(Invocation(payload, error, "request-id"))
        await settled()

    @property
    def bodies(self) -> list[list[str]]:
        return [[record["body"] for record in records] for records in self.started]


class Scene:
    def __init__(self, lambda_: FakeLambda, queue: Queue, **settings: Any) -> None:
        self.clock = FakeClock()
        self.lambda_ = lambda_
        self.sqs = Sqs([queue, Queue("dead")], base_url="http://x", clock=self.clock)
        self.queue: MessageQueue = self.sqs.queue(queue.arn)
        mapping = records.EventSourceMapping("mapping", queue.arn, "consumer", **settings)
        self.mapping = EventSourceMapping(mapping, self.queue, lambda_, self.clock)
        self.mapping.start()

    async def send(self, *bodies: str, **request: Any) -> None:
        for body in bodies:
            await self.sqs.handle("SendMessage", {"QueueUrl": "orders", "MessageBody": body, **request})
        await settled()

    @property
    def left(self) -> int:
        return sum(self.queue.count(state) for state in (State.VISIBLE, State.IN_FLIGHT, State.DELAYED))


def run(
    test: Callable[[Scene], Awaitable[None]],
    lambda_: FakeLambda | None = None,
    queue: Queue | None = None,
    **settings: Any,
) -> None:
    async def main() -> None:
        scene = Scene(lambda_ or FakeLambda(), queue or Queue("orders"), **settings)
        try:
            await test(scene)
        finally:
            await scene.mapping.close(0)

    asyncio.run(main())


def test_a_message_invokes_the_function_with_awss_event_and_is_deleted_on_success() -> None:
    async def test(scene: Scene) -> None:
        attributes = {
            "kind": {"DataType": "String", "StringValue": "order"},
            "raw": {"DataType": "Binary", "BinaryValue": "AAEC"},
        }
        await scene.send("hellö", MessageAttributes=attributes)
        ((record,),) = scene.lambda_.started
        assert record.pop("messageId")
        assert record.pop("receiptHandle")
        assert len(record.pop("md5OfMessageAttributes")) == 32
        assert record == {
            "body": "hellö",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": str(int(EPOCH * 1000)),
                "SenderId": "000000000000",
                "ApproximateFirstReceiveTimestamp": str(int(EPOCH * 1000)),
            },
            "messageAttributes": {
                "kind": {
                    "stringValue": "order",
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": "String",
                },
                "raw": {"binaryValue": "AAEC", "stringListValues": [], "binaryListValues": [], "dataType": "Binary"},
            },
            "md5OfBody": hashlib.md5("hellö".encode()).hexdigest(),
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
            "awsRegion": "us-east-1",
        }
        assert scene.left == 1
        await scene.lambda_.end()
        assert scene.left == 0

    run(test)


def test_a_message_without_attributes_has_no_digest_of_them_in_the_event() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("hello")
        ((record,),) = scene.lambda_.started
        # AWS sends null rather than leaving the name out.
        assert (record["messageAttributes"], record["md5OfMessageAttributes"]) == ({}, None)
        await scene.lambda_.end()

    run(test)


def test_maximum_concurrency_holds_and_no_message_is_received_early() -> None:
    async def test(scene: Scene) -> None:
        await scene.send(*"abcdef")
        assert scene.lambda_.bodies == [["a"], ["b"]]
        assert scene.queue.count(State.VISIBLE) == 4
        await scene.lambda_.end()
        assert scene.lambda_.bodies == [["a"], ["b"], ["c"]]
        for _ in range(5):
            await scene.lambda_.end()
        assert scene.lambda_.bodies == [[body] for body in "abcdef"]
        assert scene.lambda_.most == 2
        assert scene.left == 0

    run(test, batch_size=1, max_concurrency=2)


def test_a_batch_takes_the_visible_messages() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        await scene.send(*"bcdef")
        await scene.lambda_.end()
        await scene.lambda_.end()
        await scene.lambda_.end()
        assert [len(bodies) for bodies in scene.lambda_.bodies] == [1, 1, 4]

    run(test, batch_size=4, max_concurrency=2)


def test_a_batching_window_waits_for_a_full_batch() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        await scene.clock.advance(2)
        await scene.send("b")
        assert scene.lambda_.bodies == []
        await scene.send("c")
        assert scene.lambda_.bodies == [["a", "b", "c"]]
        await scene.send("d")
        await scene.clock.advance(4.9)
        assert len(scene.lambda_.bodies) == 1
        await scene.clock.advance(0.1)
        assert scene.lambda_.bodies[1:] == [["d"]]

    run(test, batch_size=3, window=5)


def test_a_batch_that_exceeds_the_payload_limit_is_split() -> None:
    async def test(scene: Scene) -> None:
        for i in range(25):
            scene.queue.send(str(i).ljust(500_000, '"'), "", {}, {}, None)
        scene.queue.deliver()
        await settled()
        while scene.left:
            await scene.lambda_.end()
        assert sum(len(bodies) for bodies in scene.lambda_.bodies) == 25
        assert len(scene.lambda_.bodies) > 1
        assert max(scene.lambda_.sizes) <= 6 * 1024 * 1024

    run(test, batch_size=100, window=1)


def test_messages_of_failed_invocations_return_and_then_become_dead_letters() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a", "b")
        await scene.lambda_.end({"errorMessage": "x"}, error=True)
        await scene.clock.advance(29.9)
        assert scene.lambda_.bodies == [["a", "b"]]
        await scene.clock.advance(0.1)
        assert [r["attributes"]["ApproximateReceiveCount"] for records in scene.lambda_.started for r in records] == (
            ["1", "1", "2", "2"]
        )
        await scene.lambda_.end(error=True)
        await scene.clock.advance(30)
        assert scene.left == 0
        assert scene.sqs.queue(arn("sqs", "dead")).count(State.VISIBLE) == 2

    run(test, queue=Queue("orders", redrive=Redrive(arn("sqs", "dead"), 2)))


def test_only_the_reported_failures_stay_in_the_queue() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("first")
        await scene.send(*"abc")
        await scene.lambda_.end()
        (records,) = scene.lambda_.started[1:]
        await scene.lambda_.end({"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]})
        assert scene.left == 1
        await scene.clock.advance(30)
        assert scene.lambda_.bodies[2:] == [["b"]]

    run(test, report_batch_item_failures=True, max_concurrency=1)


def reasons(queue: MessageQueue) -> list[str]:
    return [message.reason for message in queue.peek(100)]


def test_a_message_says_why_its_last_delivery_failed_also_as_a_dead_letter() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        assert reasons(scene.queue) == [""]
        await scene.lambda_.end({"errorType": "Odd", "errorMessage": "first"}, error=True)
        assert reasons(scene.queue) == ["Odd: first (request request-id)"]
        await scene.clock.advance(30)
        await scene.lambda_.end(b"no JSON", error=True)
        assert reasons(scene.queue) == ["no JSON (request request-id)"]
        await scene.clock.advance(30)
        assert reasons(scene.queue) == []
        assert reasons(scene.sqs.queue(arn("sqs", "dead"))) == ["no JSON (request request-id)"]

    run(test, queue=Queue("orders", redrive=Redrive(arn("sqs", "dead"), 2)))


def test_only_the_messages_that_a_function_reports_have_a_reason() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("first")
        await scene.send(*"abc")
        await scene.lambda_.end()
        (records,) = scene.lambda_.started[1:]
        await scene.lambda_.end({"batchItemFailures": [{"itemIdentifier": records[1]["messageId"]}]})
        expected = "The function reports it among its batchItemFailures; its log may say why (request request-id)"
        assert reasons(scene.queue) == [expected]

    run(test, report_batch_item_failures=True, max_concurrency=1)


def test_the_reason_of_a_refused_invocation_is_lambdas() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        await scene.clock.advance(30)
        assert "TooManyRequestsException: Rate Exceeded." in reasons(scene.queue)

    run(test, FakeLambda(capacity=0))


def test_a_report_is_ignored_unless_the_mapping_asks_for_one() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        await scene.lambda_.end({"batchItemFailures": [{"itemIdentifier": "unknown"}]})
        assert scene.left == 0

    run(test)


@pytest.mark.parametrize(
    "response",
    [b"", b"null", b"{}", b'""', b"[]", b'{"batchItemFailures": []}', b'{"batchItemFailures": null}', b'{"ok": 1}'],
)
def test_a_response_without_failures_is_success(response: bytes) -> None:
    assert failed_messages(response, {"a", "b"}) == set()


@pytest.mark.parametrize(
    "response",
    [
        b"not JSON",
        b"\xff",
        b'"text"',
        b"[1]",
        b"7",
        b'{"batchItemFailures": "a"}',
        b'{"batchItemFailures": {"itemIdentifier": "a"}}',
        b'{"batchItemFailures": ["a"]}',
        b'{"batchItemFailures": [{}]}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": null}]}',
        b'{"batchItemFailures": [{"itemIdentifier": 1}]}',
        b'{"batchItemFailures": [{"itemIdentifier": ["a"]}]}',
        b'{"batchItemFailures": [{"messageId": "a"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}',
    ],
)
def test_a_malformed_report_fails_the_whole_batch(response: bytes) -> None:
    assert failed_messages(response, {"a", "b"}) == {"a", "b"}


def test_a_throttled_batch_is_retried_when_capacity_is_free() -> None:
    async def test(scene: Scene) -> None:
        await scene.send(*(str(i) for i in range(20)))
        assert len(scene.lambda_.running) == 2
        # One batch waits. Nothing more is received, so that no receive count grows.
        assert scene.queue.count(State.IN_FLIGHT) == 3
        while scene.lambda_.running:
            await scene.lambda_.end()
        assert sorted(int(body) for bodies in scene.lambda_.bodies for body in bodies) == list(range(20))
        counts = {r["attributes"]["ApproximateReceiveCount"] for records in scene.lambda_.started for r in records}
        assert counts == {"1"}
        assert scene.left == 0

    run(test, FakeLambda(capacity=2), batch_size=1)


def test_throttling_is_retried_with_backoff_until_the_messages_are_visible_again() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        assert scene.lambda_.throttles == 1
        await scene.clock.advance(1)
        early = scene.lambda_.throttles
        assert 3 <= early <= 7
        await scene.clock.advance(28)
        assert scene.lambda_.throttles - early <= 15
        scene.lambda_.capacity = 1
        await scene.clock.advance(10)
        ((record,),) = scene.lambda_.started
        assert record["attributes"]["ApproximateReceiveCount"] in ("1", "2")
        # A message that is invoked just before it is visible again is handled twice.
        while scene.lambda_.running:
            await scene.lambda_.end()
        assert scene.left == 0

    run(test, FakeLambda(capacity=0))


def test_a_slow_queue_does_not_delay_others() -> None:
    async def main() -> None:
        slow = Scene(FakeLambda(), Queue("orders"), max_concurrency=2, batch_size=1)
        quick = Scene(FakeLambda(), Queue("orders"), max_concurrency=2, batch_size=1)
        await slow.send(*"abc")
        for body in "xyz":
            await quick.send(body)
            await quick.lambda_.end()
        assert quick.left == 0
        await slow.mapping.close(0)
        await quick.mapping.close(0)

    asyncio.run(main())


def test_a_disabled_mapping_receives_nothing() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a")
        assert scene.queue.count(State.VISIBLE) == 1

    run(test, enabled=False)


def test_a_failing_function_lookup_leaves_the_message_in_the_queue() -> None:
    class Broken(FakeLambda):
        async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
            self.throttles += 1
            raise (ApiError("ResourceNotFoundException", "gone", 404), RuntimeError("broken"))[self.throttles % 2]

    async def test(scene: Scene) -> None:
        await scene.send("a")
        await scene.send("b")
        assert scene.lambda_.throttles == 2
        assert scene.queue.count(State.IN_FLIGHT) == 2

    run(test, Broken(), max_concurrency=1)


def test_closing_lets_running_invocations_finish_and_receives_nothing_more() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("a", "b")
        closing = asyncio.create_task(scene.mapping.close(30))
        await settled()
        await scene.send("c")
        assert not closing.done()
        await scene.lambda_.end()
        await scene.lambda_.end()
        await closing
        assert scene.lambda_.bodies == [["a"], ["b"]]
        assert scene.queue.count(State.VISIBLE) == scene.left == 1

    run(test, batch_size=1)


def test_messages_of_cancelled_invocations_and_batches_return_to_the_queue_at_once() -> None:
    async def test(scene: Scene) -> None:
        await scene.send(*"abcd")
        assert scene.queue.count(State.IN_FLIGHT) == 4
        await scene.mapping.close(0)
        assert scene.queue.count(State.VISIBLE) == 4

    run(test, batch_size=3, window=10)
