"""Events are delivered at least once, in order per order, to real receivers on loopback that may fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import RETRY_SECONDS, DeliveryState, pause_after
from order_engine.services.delivering import AT_ONCE
from order_engine.storage.database import Database
from order_engine.storage.deliveries import AT_ONCE_OF_ONE
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.webhooks import PostgresWebhookStore
from tests.support.concurrency import eventually
from tests.support.hooks import DirectSender, add_webhook, deliverer, lead, pass_time
from tests.support.open_orders import limit, open_order
from tests.support.orders import CLIENT, OTHER, REQUEST, brought_to, new_order
from tests.support.receiver import Receiver, receiver

PATIENCE = 1.0
"""How long a receiver that hangs is waited for, in seconds."""

LIFE = [1, 2, 3, 4, 5]
"""The events of an order that is confirmed."""


@pytest.fixture
def receiving() -> Iterator[Receiver]:
    with receiver() as receiving:
        yield receiving


@pytest.fixture
def store(database: Database) -> PostgresWebhookStore:
    return PostgresWebhookStore(database)


def confirmed(orders: PostgresOrderStore) -> str:
    return str(brought_to(orders, Status.CONFIRMED).id)


def test_every_event_is_delivered_in_order_and_signed(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    _, secret = add_webhook(database, f"{receiving.url}/hook")
    ids = [confirmed(orders) for _ in range(3)]
    done = deliverer(database).run(0)
    assert (done.delivered, done.failed) == (15, 0)
    assert receiving.seqs() == dict.fromkeys(ids, LIFE)
    assert all(message.is_signed_with(secret) for message in receiving.taken)
    last = receiving.taken[-1]
    assert last.headers["webhook-id"] == f"{last.order_id}_5"
    assert '"type": "order.confirmed"' in last.body
    # Nothing comes twice without a reason.
    assert deliverer(database).run(0).delivered == 0


def test_events_follow_while_an_order_runs(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    order = new_order(orders)
    deliverer(database).run(0)
    assert receiving.seqs() == {str(order.id): [1]}
    lead(orders, order.id, Status.SUBMITTED)
    deliverer(database).run(0)
    assert receiving.seqs() == {str(order.id): [1, 2, 3, 4]}
    (delivery,) = store.deliveries(CLIENT, webhook.id, None, 10)
    assert (delivery.state, delivery.seq) == (DeliveryState.WAITING, 4)


def test_a_webhook_gets_only_its_statuses(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url, [Status.CONFIRMED, Status.FAILED])
    order_id = confirmed(orders)
    deliverer(database).run(0)
    assert receiving.seqs() == {order_id: [5]}
    (delivery,) = store.deliveries(CLIENT, webhook.id, DeliveryState.DELIVERED, 10)
    assert delivery.seq == 5


def test_clients_get_the_events_of_their_own_orders(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    add_webhook(database, f"{receiving.url}/ours")
    add_webhook(database, f"{receiving.url}/theirs", client_id=OTHER.client_id)
    ours = new_order(orders).id
    theirs = orders.insert(uuid7(), OTHER.client_id, REQUEST, {}).id
    deliverer(database).run(0)
    assert {(message.path, message.order_id) for message in receiving.taken} == {
        ("/ours", str(ours)),
        ("/theirs", str(theirs)),
    }


def test_orders_before_the_registration_are_followed_from_their_next_event_unless_they_have_ended(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    confirmed(orders)
    running, waiting = new_order(orders), open_order(database, limit("100"))
    add_webhook(database, receiving.url)
    deliverer(database).run(0)
    assert receiving.taken == []
    lead(orders, running.id, Status.ROUTING)
    orders.cancel(CLIENT, waiting.id)
    deliverer(database).run(0)
    assert receiving.seqs() == {str(running.id): [2], str(waiting.id): [2]}


def test_an_order_whose_transaction_commits_late_is_found(
    database: Database, connect: Callable[[], Database], receiving: Receiver
) -> None:
    """GIVEN an order with an earlier id that is not committed when later ones are found."""
    add_webhook(database, receiving.url)
    other, late = connect(), uuid7()
    with other.transaction():
        PostgresOrderStore(other).insert(late, CLIENT, REQUEST, {})
        new_order(PostgresOrderStore(database))
        database.execute("UPDATE webhooks SET followed_at = now() - interval '20 s'")
        deliverer(database).run(0)
        assert str(late) not in receiving.seqs()
    deliverer(database).run(0)
    assert receiving.seqs()[str(late)] == [1]


@pytest.mark.parametrize("status", [500, 404, 302, 0, None], ids=["500", "404", "a redirect", "nothing", "never"])
def test_a_refused_event_is_sent_again_with_growing_pauses_and_holds_back_its_order_only(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore, status: int | None
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    refused, other = confirmed(orders), confirmed(orders)
    receiving.answer = lambda message: status if (message.order_id, message.seq) == (refused, 3) else 200
    sender = DirectSender(PATIENCE if status is None else 30)
    deliverer(database, sender).run(0)
    for attempts in range(1, 4):
        assert receiving.seqs() == {refused: [1, 2], other: LIFE}
        (delivery,) = store.deliveries(CLIENT, webhook.id, DeliveryState.WAITING, 10)
        assert (str(delivery.order_id), delivery.seq, delivery.attempts) == (refused, 2, attempts)
        assert delivery.error is not None
        assert (delivery.next_at - delivery.updated_at).total_seconds() == pytest.approx(pause_after(attempts))
        # Too early.
        pass_time(database, pause_after(attempts) / 2)
        assert deliverer(database, sender).run(0).failed == 0
        pass_time(database, pause_after(attempts) / 2)
        assert deliverer(database, sender).run(0).failed == 1
    receiving.answer = lambda message: 200
    pass_time(database, pause_after(4))
    deliverer(database).run(0)
    assert receiving.seqs() == {refused: LIFE, other: LIFE}
    # The same id names an event at each attempt.
    ids = {message.headers["webhook-id"] for message in receiving.attempts if message.order_id == refused}
    assert ids == {f"{refused}_{seq}" for seq in LIFE}


def test_an_event_that_is_refused_for_a_day_is_parked_and_shown_and_sent_again_when_asked(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    order_id = confirmed(orders)
    receiving.answer = lambda message: 503
    deliverer(database).run(0)
    pass_time(database, RETRY_SECONDS - 60)
    deliverer(database).run(0)
    (listed,) = store.of_client(CLIENT)
    assert (listed.waiting, listed.parked, listed.failures) == (1, 0, 2)
    pass_time(database, pause_after(2) + 60)
    deliverer(database).run(0)
    (listed,) = store.of_client(CLIENT)
    assert (listed.waiting, listed.parked) == (0, 1)
    (parked,) = store.deliveries(CLIENT, webhook.id, DeliveryState.PARKED, 10)
    assert (str(parked.order_id), parked.seq, parked.attempts) == (order_id, 0, 3)
    assert parked.error == "expected status 2xx, was 503"
    receiving.answer = lambda message: 200
    pass_time(database, RETRY_SECONDS)
    assert deliverer(database).run(0).delivered == 0
    assert store.redeliver(CLIENT, webhook.id) == 1
    deliverer(database).run(0)
    assert receiving.seqs() == {order_id: LIFE}
    assert store.redeliver(CLIENT, webhook.id) == 0


def test_what_waits_long_for_its_next_attempt_is_sent_again_when_asked(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    order_id = confirmed(orders)
    receiving.answer = lambda message: 503
    deliverer(database).run(0)
    # What is due within two minutes may be on its way.
    assert store.redeliver(CLIENT, webhook.id) == 0
    database.execute("UPDATE deliveries SET next_at = now() + interval '1 hour'")
    receiving.answer = lambda message: 200
    assert store.redeliver(CLIENT, webhook.id) == 1
    deliverer(database).run(0)
    assert receiving.seqs() == {order_id: LIFE}


def test_a_receiver_that_hangs_holds_back_no_other_one(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    """GIVEN as many receivers that hang as messages are sent at once, each with several orders."""
    with receiver() as hanging:
        hanging.answer = lambda message: None
        for number in range(AT_ONCE):
            add_webhook(database, f"{hanging.url}/{number}")
        add_webhook(database, receiving.url)
        # They have failed before.
        database.execute("UPDATE webhooks SET failures = 3 WHERE url <> %(url)s", {"url": receiving.url})
        ids = [confirmed(orders) for _ in range(2 * AT_ONCE_OF_ONE)]
        stop = threading.Event()

        def deliver() -> None:
            while not stop.is_set():
                deliverer(database, DirectSender(PATIENCE)).run(1)

        thread = threading.Thread(target=deliver)
        thread.start()
        try:
            eventually(lambda: receiving.seqs() == dict.fromkeys(ids, LIFE))
        finally:
            stop.set()
            thread.join()
        assert hanging.attempts


def test_a_webhook_that_hangs_has_few_messages_on_their_way_and_one_once_it_counts_as_failing(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    receiving.answer = lambda message: None
    add_webhook(database, receiving.url)
    for _ in range(3 * AT_ONCE_OF_ONE):
        new_order(orders)
    assert deliverer(database, DirectSender(PATIENCE)).run(0).failed == AT_ONCE_OF_ONE
    assert deliverer(database, DirectSender(PATIENCE)).run(0).failed == 1
    receiving.answer = lambda message: 200
    assert deliverer(database).run(0).delivered == 1
    assert deliverer(database).run(0).delivered == AT_ONCE_OF_ONE


def test_a_sender_that_is_away_is_not_the_receivers_fault(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    order_id, sender, warnings = confirmed(orders), DirectSender(), list[str]()
    sender.is_away = True
    done = deliverer(database, sender, warnings).run(0)
    assert (done.delivered, done.failed) == (0, 0)
    assert warnings == ["nothing was sent: Invoke: expected status 200, was 429"]
    (delivery,) = store.deliveries(CLIENT, webhook.id, None, 10)
    assert (delivery.attempts, delivery.failing_since) == (0, None)
    sender.is_away = False
    pass_time(database, 30)
    deliverer(database, sender).run(0)
    assert receiving.seqs() == {order_id: LIFE}


def test_a_deleted_webhook_gets_nothing_more(
    database: Database, orders: PostgresOrderStore, receiving: Receiver, store: PostgresWebhookStore
) -> None:
    webhook, _ = add_webhook(database, receiving.url)
    new_order(orders)
    deliverer(database).run(0)
    store.delete(CLIENT, webhook.id)
    new_order(orders)
    done = deliverer(database).run(60)
    assert (done.delivered, len(receiving.taken)) == (0, 1)


def test_delivered_orders_are_forgotten_after_a_day_and_not_found_again(
    database: Database, orders: PostgresOrderStore, receiving: Receiver
) -> None:
    add_webhook(database, receiving.url)
    confirmed(orders)
    deliverer(database).run(0)
    database.execute("UPDATE webhooks SET followed_at = now() + interval '2 minutes'")
    database.execute("UPDATE deliveries SET updated_at = now() - interval '25 hours'")
    assert deliverer(database).run(0).delivered == 0
    assert database.fetch("SELECT FROM deliveries") == []
    assert len(receiving.taken) == 5
