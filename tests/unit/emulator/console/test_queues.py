from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from emulator.sqs.records import Queue, Redrive
from tests.support.emulator.console import Site, parts
from tests.support.emulator.console import run as serve

DEAD = Queue("dead")
WORK = Queue("work", redrive=Redrive(DEAD.arn, 1), visibility_timeout=0)
SLOW = Queue("slow", visibility_timeout=1000)


def run(folder: Path, scenario: Callable[[Site], Awaitable[Any]]) -> Any:
    return serve(lambda: parts(folder, queues=(WORK, DEAD, SLOW)), scenario)


async def send(site: Site, queue: str, body: str, **more: Any) -> str:
    status, answer = await site.post("queues/send", {"queue": queue, "body": body, **more})
    assert status == 200, answer
    identity: str = answer["id"]
    return identity


async def receive(site: Site, queue: str) -> None:
    await site.parts.sqs.handle("ReceiveMessage", {"QueueUrl": site.parts.sqs.url(queue)})


async def bodies(site: Site, queue: str) -> list[str]:
    return [message["body"] for message in await site.get("messages", queue=queue)]


def test_messages_are_shown_oldest_first_in_every_state_and_not_received(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        first = await send(site, "slow", '{"amount": 1.50}')
        await receive(site, "slow")
        await send(site, "slow", "second", delay=60)
        attribute = {"Kind": {"DataType": "String", "StringValue": "test"}}
        await site.parts.sqs.handle(
            "SendMessage",
            {"QueueUrl": site.parts.sqs.url("slow"), "MessageBody": "third", "MessageAttributes": attribute},
        )

        for _ in range(2):
            messages = await site.get("messages", queue="slow")
            shown = [(message["body"], message["state"], message["receives"]) for message in messages]
            assert shown == [('{"amount": 1.50}', "inFlight", 1), ("second", "delayed", 0), ("third", "visible", 0)]
        assert (messages[0]["id"], messages[2]["attributes"]) == (first, {"Kind": "test"})
        assert messages[0]["sentAt"] <= messages[2]["sentAt"]
        assert await site.get("messages", queue="slow", limit="1") == messages[:1]
        overview = {queue["name"]: queue for queue in (await site.get("overview"))["queues"]}
        assert (overview["slow"]["waiting"], overview["slow"]["inFlight"], overview["slow"]["delayed"]) == (1, 1, 1)

    run(tmp_path, scenario)


def test_purging_deletes_the_messages_of_one_queue_in_every_state(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await send(site, "slow", "first")
        await receive(site, "slow")
        await send(site, "slow", "second", delay=60)
        await send(site, "work", "other")

        assert await site.post("queues/purge", {"queue": "slow"}) == (200, {"purged": 2})
        assert (await bodies(site, "slow"), await bodies(site, "work")) == ([], ["other"])
        status, answer = await site.post("queues/purge", {"queue": "slow"})
        assert (status, answer["message"]) == (
            403,
            "Only one PurgeQueue operation on slow is allowed every 60 seconds.",
        )

    run(tmp_path, scenario)


def test_dead_letters_return_to_where_they_came_from(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await send(site, "work", "poison")
        for _ in range(2):
            await receive(site, "work")
        assert (await bodies(site, "work"), await bodies(site, "dead")) == ([], ["poison"])

        assert await site.post("queues/redrive", {"queue": "dead"}) == (200, {"moved": 1})
        assert (await bodies(site, "work"), await bodies(site, "dead")) == (["poison"], [])

    run(tmp_path, scenario)


def test_what_was_sent_to_a_dead_letter_queue_stays_there(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        await send(site, "dead", "direct")

        status, answer = await site.post("queues/redrive", {"queue": "dead"})
        expected = "expected dead letters of a known queue: moved 0 of 1, the others were sent here"
        assert (status, answer) == (400, {"message": expected})
        assert await bodies(site, "dead") == ["direct"]
        status, answer = await site.post("queues/redrive", {"queue": "slow"})
        assert status == 400
        assert answer["message"].endswith("Source queue must be configured as a Dead Letter Queue.")

    run(tmp_path, scenario)
