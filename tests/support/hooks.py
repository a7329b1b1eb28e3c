"""Webhooks of the test's client, and deliverers that send to real receivers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from order_engine.api.views import event_view
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import Webhook, new_webhook_secret
from order_engine.outbound.posting import Posting
from order_engine.outbound.targets import Targets
from order_engine.ports import Sender, SenderUnavailable
from order_engine.services.delivering import Deliverer
from order_engine.storage.database import Database
from order_engine.storage.deliveries import PostgresDeliveries
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.webhooks import PostgresWebhookStore
from tests.support.orders import CLIENT, PATHS, RUN


class DirectSender:
    """A `Sender` that posts from here, and waits `seconds` for an answer. While `is_away`, it sends nothing."""

    def __init__(self, seconds: float = 30) -> None:
        self.is_away = False
        self._posting = Posting(Targets(public_only=False), seconds)

    def send(self, url: str, headers: Mapping[str, str], body: str) -> str | None:
        if self.is_away:
            raise SenderUnavailable("Invoke: expected status 200, was 429")
        return self._posting.post(url, headers, body)


def add_webhook(
    database: Database, url: str, statuses: Iterable[Status] | None = None, client_id: UUID = CLIENT
) -> tuple[Webhook, str]:
    filtered, secret = None if statuses is None else frozenset(statuses), new_webhook_secret()
    webhook, _ = PostgresWebhookStore(database).add(client_id, url, filtered, secret, 100)
    return webhook, secret


def deliverer(database: Database, sender: Sender | None = None, warnings: list[str] | None = None) -> Deliverer:
    return Deliverer(
        deliveries=PostgresDeliveries(database),
        events=PostgresOrderStore(database).events,
        sender=sender or DirectSender(),
        view=event_view,
        warn=([] if warnings is None else warnings).append,
    )


def lead(orders: PostgresOrderStore, order_id: UUID, status: Status) -> None:
    """Has a run lead a new order to the status."""
    assert orders.claim(order_id, RUN) is not None
    for trigger in PATHS[status]:
        assert orders.move(order_id, RUN, trigger, 1, {}) is not None


def pass_time(database: Database, seconds: float) -> None:
    """Moves the claims, the next attempts and the first failed ones back by `seconds`."""
    back = "- make_interval(secs => %(seconds)s)"
    database.execute(
        f"UPDATE deliveries SET next_at = next_at {back}, failing_since = failing_since {back}", {"seconds": seconds}
    )
