"""The queues in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from emulator.sqs.records import Queue, Redrive
from tests.browser.conftest import Small
from tests.support.browser import Visit, violations

DEAD = Queue("dead")
WORK = Queue("work", redrive=Redrive(DEAD.arn, 1), visibility_timeout=0)
BODY = '{"orderId": "<b>one</b>", "amount": 18446744073709551615}'


def call(server: Small, action: str, queue: Queue, **parameters: Any) -> Any:
    url = server.parts.sqs.url(queue.name)
    return server.run(server.parts.sqs.handle(action, {"QueueUrl": url, **parameters}))


def send(server: Small, body: str, **parameters: Any) -> None:
    call(server, "SendMessage", WORK, MessageBody=body, **parameters)


def fail(server: Small, body: str, reason: str) -> None:
    """Delivers a message, which fails for this reason and becomes a dead letter."""
    send(server, body)
    call(server, "ReceiveMessage", WORK)
    (work,) = [queue for queue in server.parts.sqs.queues if queue.settings == WORK]
    work.peek(1)[0].reason = reason
    call(server, "ReceiveMessage", WORK)


def agree(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def test_a_message_is_sent_and_looked_at_without_receiving_it(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(queues=[WORK, DEAD])
    page = visit(f"{server.url}#/queues")
    page.get_by_role("link", name="work", exact=True).click()
    expect(page.get_by_role("heading", name="No messages")).to_be_visible()
    button = page.get_by_role("button", name="Send message", exact=True)
    expect(button).to_be_disabled()

    # WHEN one sends a message but does not want it when asked
    page.get_by_label("Body").fill(BODY)
    page.get_by_label("Delay in seconds").fill("600")
    button.click()
    expect(page.get_by_role("dialog")).to_contain_text("in 600 seconds")
    agree(page, "Go back")

    # THEN nothing is sent
    expect(page.get_by_role("heading", name="No messages")).to_be_visible()

    # WHEN one does want it
    button.click()
    agree(page, "Send message")

    # THEN it waits as long as it should, with its body as it was written
    expect(page.get_by_role("status").filter(has_text="Sent as")).to_be_visible()
    message = page.locator(".message")
    expect(message.locator("summary").first).to_contain_text("Delayed")
    expect(message.locator("summary").first).to_contain_text("not received")
    message.locator("summary").first.click()
    expect(message.locator(".whole")).to_contain_text("18446744073709551615")
    expect(page.locator("main b")).to_have_count(0)
    assert violations(page) == []


def test_a_message_begins_with_that_of_an_example_event(
    visit: Visit, small: Callable[..., Small], tmp_path: Path
) -> None:
    (tmp_path / "events").mkdir()
    for name, source in (("dispatch", WORK.arn), ("recover", DEAD.arn), ("health", None)):
        records = [{"body": f"of {name}", "eventSourceARN": source}] if source else None
        (tmp_path / f"events/{name}.json").write_text(json.dumps({"Records": records} if records else ["an event"]))
    page = visit(f"{small(queues=[WORK, DEAD]).url}#/queues/work")

    choice = page.get_by_label("Begin with")
    expect(choice.locator("option")).to_have_text(["Empty message", "dispatch"])
    choice.select_option("dispatch")

    expect(page.get_by_label("Body")).to_have_value("of dispatch")
    expect(page.get_by_role("button", name="Send message", exact=True)).to_be_enabled()


def test_a_message_that_changes_stays_open(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(queues=[Queue("slow")])
    url = {"QueueUrl": server.parts.sqs.url("slow")}
    server.run(server.parts.sqs.handle("SendMessage", {**url, "MessageBody": "as it is"}))
    page = visit(f"{server.url}#/queues/slow")
    summary = page.locator(".message summary")
    summary.click()

    server.run(server.parts.sqs.handle("ReceiveMessage", url))

    expect(summary).to_contain_text("In flight")
    expect(summary).to_contain_text("received 1×")
    expect(summary).to_be_focused()
    expect(page.locator(".message .whole .block").first).to_contain_text("as it is")


def test_a_message_that_does_not_arrive_is_kept_and_said(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(f"{small(queues=[WORK, DEAD]).url}#/queues/work")
    page.get_by_label("Body").fill("one")

    page.context.set_offline(True)
    page.get_by_role("button", name="Send message", exact=True).click()
    agree(page, "Send message")

    expect(page.locator(".answer.error")).to_have_text("The emulator does not answer. Try again.")
    expect(page.get_by_label("Body")).to_have_value("one")


def test_a_purge_names_what_is_lost(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(queues=[WORK, DEAD])
    page = visit(f"{server.url}#/queues/work")
    purge = page.get_by_role("button", name="Purge queue")
    expect(purge).to_be_disabled()
    for body in ("one", "two"):
        send(server, body, DelaySeconds=900)

    purge.click()
    expect(page.get_by_role("dialog")).to_contain_text("2 messages will be deleted")
    agree(page, "Purge queue")

    expect(page.get_by_role("status").filter(has_text="Deleted 2 messages.")).to_be_visible()
    expect(page.locator(".message")).to_have_count(0)

    # SQS allows it once a minute, and says so.
    send(server, "three", DelaySeconds=900)
    purge.click()
    agree(page, "Purge queue")
    expect(page.locator(".answer.error")).to_contain_text("60 seconds")
    expect(page.locator(".message")).to_have_count(1)


def test_dead_letters_say_why_and_go_back_to_their_source(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(queues=[WORK, DEAD])
    fail(server, "poison", "ValueError: no such order (request 614468b7)")
    page = visit(f"{server.url}#/queues", viewport={"width": 320, "height": 844})
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="work", exact=True))
    expect(row.locator('[data-label="Dead letters"]')).to_have_text("1 in dead")
    row.get_by_role("link", name="dead").click()
    expect(page.locator(".message .error")).to_contain_text("ValueError: no such order")
    page.locator(".message > summary").click()
    logged = page.get_by_role("link", name="What the failed delivery logged")
    expect(logged).to_have_attribute("href", "#/logs?request=614468b7")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert violations(page) == []

    page.get_by_role("button", name="Redrive to the source").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 message of dead will move back to work")
    agree(page, "Redrive 1 message")

    expect(page.get_by_role("status").filter(has_text="Moved 1 message to work.")).to_be_visible()
    expect(page.get_by_role("heading", name="No dead letters")).to_be_visible()
    page.locator(".facts").get_by_role("link", name="work").click()
    expect(page.locator(".message .preview")).to_have_text("poison")


def test_a_console_that_only_reads_offers_no_change(visit: Visit, small: Callable[..., Small]) -> None:
    server = small(queues=[WORK, DEAD], read_only=True)
    fail(server, "poison", "ValueError: no such order")
    page = visit(f"{server.url}#/queues/dead")

    expect(page.locator(".message .error")).to_be_visible()
    for name in ("Send message", "Purge queue", "Redrive to the source"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_an_unknown_queue_links_to_the_list(visit: Visit, small: Callable[..., Small]) -> None:
    page = visit(f"{small(queues=[WORK, DEAD]).url}#/queues/nobody")

    page.get_by_role("link", name="See the queues").click()
    expect(page.get_by_role("link", name="work", exact=True)).to_be_visible()
