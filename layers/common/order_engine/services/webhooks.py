"""Registers the addresses that get the events of a client's orders."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from order_engine.domain.errors import InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import MAX_WEBHOOKS, Webhook, new_webhook_secret
from order_engine.ports import WebhookStore, WebhookTargets


class Webhooks:
    """`wake` has the deliveries begin, unless they run. `warn` logs what goes wrong without harm."""

    def __init__(
        self, *, store: WebhookStore, targets: WebhookTargets, wake: Callable[[], None], warn: Callable[[str], None]
    ) -> None:
        self._store = store
        self._targets = targets
        self._wake = wake
        self._warn = warn

    def register(self, client_id: UUID, url: str, statuses: frozenset[Status] | None) -> tuple[Webhook, str]:
        """The new webhook and its secret, which only this call returns.

        Raises `InvalidRequest` for a URL that may not be called, `WebhookExists`, `TooManyWebhooks`.
        """
        try:
            self._targets.check(url)
        except ValueError as error:
            raise InvalidRequest([{"field": "url", "message": str(error)}]) from None
        secret = new_webhook_secret()
        webhook, is_first = self._store.add(client_id, url, statuses, secret, MAX_WEBHOOKS)
        # While there is another one, the deliveries run, or begin within a minute.
        if is_first:
            try:
                self._wake()
            except Exception as error:
                self._warn(f"the deliveries were not woken: {error}")
        return webhook, secret
