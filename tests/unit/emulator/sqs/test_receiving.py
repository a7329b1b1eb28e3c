from __future__ import annotations

import asyncio
import hashlib

import pytest

from emulator.common.account import arn
from emulator.sqs.records import Queue, Redrive
from tests.support.emulator.clock import EPOCH, settled
from tests.support.emulator.queues import DEAD, ORDERS, Scene, run


def test_a_received_message_is_hidden_until_its_visibility_timeout_has_passed() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("hello")
        (message,) = await scene.receive()
        assert message["MessageId"] == sent["MessageId"]
        assert message["MD5OfBody"] == sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
        assert message["Attributes"] == {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": str(int(EPOCH * 1000)),
            "SenderId": "000000000000",
            "ApproximateFirstReceiveTimestamp": str(int(EPOCH * 1000)),
        }
        await scene.clock.advance(29.9)
        assert await scene.receive() == []
        assert await scene.counts() == (0, 1, 0)
        await scene.clock.advance(0.1)
        assert await scene.counts() == (1, 0, 0)
        (again,) = await scene.receive()
        assert again["Attributes"]["ApproximateReceiveCount"] == "2"
        assert again["Attributes"]["ApproximateFirstReceiveTimestamp"] == str(int(EPOCH * 1000))
        assert again["ReceiptHandle"] != message["ReceiptHandle"]

    run(test)


def test_a_deleted_message_never_comes_back_and_deleting_it_twice_succeeds() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        for _ in range(2):
            assert await scene("DeleteMessage", ReceiptHandle=message["ReceiptHandle"]) == {}
        await scene.clock.advance(1000)
        assert await scene.receive() == []
        assert await scene.counts() == (0, 0, 0)

    run(test)


def test_a_message_whose_timeout_has_passed_can_still_be_deleted_until_it_is_received_again() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("one")
        (first,) = await scene.receive()
        await scene.clock.advance(31)
        (second,) = await scene.receive()
        await scene("DeleteMessage", ReceiptHandle=first["ReceiptHandle"])
        assert await scene.counts() == (0, 1, 0)
        await scene.clock.advance(31)
        await scene("DeleteMessage", ReceiptHandle=second["ReceiptHandle"])
        assert await scene.counts() == (0, 0, 0)
        assert await scene.receive() == []

    run(test)


def test_a_waiting_receiver_gets_a_message_as_soon_as_it_is_sent() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await scene.clock.advance(19)
        assert not waiting.done()
        await scene.send("late")
        assert [message["Body"] for message in await waiting] == ["late"]

    run(test)


def test_waiting_receivers_are_served_in_turn_and_an_empty_wait_ends() -> None:
    async def test(scene: Scene) -> None:
        first = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        second = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.send("one")
        assert [m["Body"] for m in await first] == ["one"]
        assert not second.done()
        await scene.clock.advance(20)
        assert await second == []

    run(test)


def test_a_waiting_receiver_gets_messages_whose_time_has_come() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("delayed", DelaySeconds=5)
        assert await scene.counts() == (0, 0, 1)
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20, VisibilityTimeout=3))
        await scene.clock.advance(4.9)
        assert not waiting.done()
        await scene.clock.advance(0.1)
        assert len(await waiting) == 1
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await scene.clock.advance(3)
        assert len(await waiting) == 1

    run(test)


def test_a_cancelled_receiver_leaves_its_messages_in_the_queue() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.send()
        waiting.cancel()
        await asyncio.wait([waiting])
        assert len(await scene.receive()) == 1

    run(test)


def test_closing_and_deleting_a_queue_end_the_waits_for_it() -> None:
    async def test(scene: Scene) -> None:
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene.sqs.close(0)
        assert await waiting == []
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene("DeleteQueue")
        assert await waiting == []

    run(test)


def test_the_queues_delay_and_wait_are_the_defaults_of_requests() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        waiting = asyncio.create_task(scene.receive())
        await scene.clock.advance(6.9)
        assert not waiting.done()
        await scene.clock.advance(0.1)
        assert len(await waiting) == 1
        await scene.send(DelaySeconds=0)
        assert len(await scene.receive()) == 1

    run(test, {"orders": Queue("orders", delay=7, receive_wait=10)})


def test_messages_expire_after_the_retention_period_even_in_flight() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("held")
        await scene.clock.advance(50)
        await scene.receive()
        await scene.send("waits")
        await scene.clock.advance(10)
        assert await scene.counts() == (1, 0, 0)
        await scene.clock.advance(50)
        assert await scene.counts() == (0, 0, 0)

    run(test, {"orders": Queue("orders", retention=60)})


def test_a_shorter_retention_applies_to_existing_messages() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        await scene.clock.advance(100)
        await scene("SetQueueAttributes", Attributes={"MessageRetentionPeriod": "60"})
        assert await scene.counts() == (0, 0, 0)

    run(test)


def test_a_message_received_too_often_goes_to_the_dead_letter_queue_with_its_count_and_source() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("poison")
        waiting = asyncio.create_task(scene.receive(DEAD, WaitTimeSeconds=20))
        for _ in range(2):
            assert len(await scene.receive(VisibilityTimeout=1)) == 1
            await scene.clock.advance(1)
        assert await scene.receive() == []
        (dead,) = await waiting
        assert dead["MessageId"] == sent["MessageId"]
        assert dead["Attributes"]["ApproximateReceiveCount"] == "3"
        assert dead["Attributes"]["DeadLetterQueueSourceArn"] == arn("sqs", "orders")
        assert dead["Attributes"]["SentTimestamp"] == str(int(EPOCH * 1000))
        assert await scene.counts() == (0, 0, 0)
        await scene.clock.advance(1_209_600)
        assert await scene.counts(DEAD) == (0, 0, 0)

    run(test)


def test_two_queues_may_be_each_others_dead_letter_queue() -> None:
    async def test(scene: Scene) -> None:
        await scene.send("ping")
        assert len(await scene.receive(VisibilityTimeout=0)) == 1
        assert await scene.receive() == []
        assert len(await scene.receive(DEAD, VisibilityTimeout=0)) == 1
        assert await scene.receive(DEAD) == []
        assert len(await scene.receive()) == 1

    run(
        test,
        {
            "orders": Queue("orders", redrive=Redrive(arn("sqs", "dead"), 1)),
            "dead": Queue("dead", redrive=Redrive(arn("sqs", "orders"), 1)),
        },
    )


def test_redriving_sends_dead_letters_back_as_new_messages() -> None:
    async def test(scene: Scene) -> None:
        sent = await scene.send("poison")
        for _ in range(3):
            await scene.receive(VisibilityTimeout=0)
        await scene.clock.advance(60)
        assert await scene.counts(DEAD) == (1, 0, 0)
        assert await scene("ListDeadLetterSourceQueues", DEAD) == {"queueUrls": [ORDERS]}
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"))
        (message,) = await scene.receive()
        assert message["MessageId"] != sent["MessageId"]
        assert message["Body"] == "poison"
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"
        assert "DeadLetterQueueSourceArn" not in message["Attributes"]
        (task,) = (await scene("ListMessageMoveTasks", None, SourceArn=arn("sqs", "dead")))["Results"]
        assert task["Status"] == "COMPLETED"
        assert task["ApproximateNumberOfMessagesMoved"] == 1

    run(test)


def test_a_redrive_reports_messages_that_cannot_be_moved() -> None:
    async def test(scene: Scene) -> None:
        await scene("SendMessage", DEAD, MessageBody="sent here by hand")
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"))
        (task,) = (await scene("ListMessageMoveTasks", None, SourceArn=arn("sqs", "dead")))["Results"]
        assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")
        assert await scene.counts(DEAD) == (1, 0, 0)
        await scene("StartMessageMoveTask", None, SourceArn=arn("sqs", "dead"), DestinationArn=arn("sqs", "orders"))
        assert await scene.counts() == (1, 0, 0)
        assert await scene.refusal("StartMessageMoveTask", None, SourceArn=arn("sqs", "orders")) == (
            "InvalidParameterValue"
        )
        assert await scene.refusal("StartMessageMoveTask", None, SourceArn=arn("sqs", "x")) == (
            "ResourceNotFoundException"
        )

    run(test)


def test_changing_visibility_counts_from_the_call_and_zero_returns_the_message_at_once() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        receipt = message["ReceiptHandle"]
        await scene.clock.advance(20)
        await scene("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=60)
        await scene.clock.advance(59)
        assert await scene.receive() == []
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=1))
        await settled()
        await scene("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=0)
        assert len(await waiting) == 1

    run(test)


def test_a_waiting_receiver_gets_a_message_whose_visibility_timeout_is_shortened() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive()
        waiting = asyncio.create_task(scene.receive(WaitTimeSeconds=20))
        await settled()
        await scene("ChangeMessageVisibility", ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=2)
        await scene.clock.advance(2)
        assert len(await waiting) == 1

    run(test)


def test_a_message_is_hidden_for_at_most_twelve_hours_and_only_while_it_exists() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive(VisibilityTimeout=5)
        change = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 43_200}
        await scene.clock.advance(1)
        assert await scene.refusal("ChangeMessageVisibility", **change) == "InvalidParameterValue"
        await scene("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
        assert await scene.refusal("ChangeMessageVisibility", **change) == "InvalidParameterValue"

    run(test)


# The next two tests have the results that LocalStack's tests of SQS recorded on AWS.


def test_changing_visibility_after_the_timeout_succeeds_and_leaves_the_message_visible() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (message,) = await scene.receive(VisibilityTimeout=1)
        await scene.clock.advance(2)
        receipt = message["ReceiptHandle"]
        assert await scene("ChangeMessageVisibility", ReceiptHandle=receipt, VisibilityTimeout=60) == {}
        assert await scene.counts() == (1, 0, 0)
        batch = [{"Id": "a", "ReceiptHandle": receipt, "VisibilityTimeout": 60}]
        response = await scene("ChangeMessageVisibilityBatch", Entries=batch)
        assert response == {"Successful": [{"Id": "a"}]}
        assert len(await scene.receive()) == 1

    run(test)


def test_the_handle_of_an_earlier_receive_changes_the_visibility() -> None:
    async def test(scene: Scene) -> None:
        await scene.send()
        (first,) = await scene.receive(VisibilityTimeout=0)
        await scene.receive(VisibilityTimeout=3)
        earlier = first["ReceiptHandle"]
        await scene("ChangeMessageVisibility", ReceiptHandle=earlier, VisibilityTimeout=10)
        await scene.clock.advance(9)
        assert await scene.receive() == []
        await scene("ChangeMessageVisibility", ReceiptHandle=earlier, VisibilityTimeout=0)
        assert len(await scene.receive()) == 1

    run(test, {"orders": Queue("orders")})


@pytest.mark.parametrize("handle", ["nonsense", "ÄÖ", "YQ==", "b3RoZXIgeCAx"])
def test_an_invalid_receipt_handle_is_refused(handle: str) -> None:
    async def test(scene: Scene) -> None:
        assert await scene.refusal("DeleteMessage", ReceiptHandle=handle) == "ReceiptHandleIsInvalid"

    run(test)
