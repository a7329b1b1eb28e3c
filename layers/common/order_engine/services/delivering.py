"""Delivers events to webhooks: each at least once, those of one order in order.

Postgres says what is to be sent: an order's path does not know of webhooks. Several deliverers may run at once, since a
claim makes one of them the only one for an order and a webhook, until it lapses.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from uuid import UUID

from order_engine.domain.events import Event
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.webhooks import RETRY_SECONDS, message_id, pause_after, signed_headers
from order_engine.ports import Claim, Deliveries, Sender, SenderUnavailable, View

INTERVAL_SECONDS = 1.0
"""How often new events are looked for."""

AT_ONCE = 20
"""How many messages are sent at the same time."""

AT_ONCE_FOR_FAILING = AT_ONCE // 2
"""How many of them to webhooks whose last attempts have failed: those that hang leave room for the others."""

ENDING_SECONDS = 28
"""How long the messages may take that are on their way at the end of a run."""

POSTPONED_SECONDS = 30
"""When a message is sent again whose sender gave no answer: longer than that may still be sending."""


@dataclass
class Delivered:
    """How many messages were taken, and how many attempts failed."""

    delivered: int = 0
    failed: int = 0

    def add(self, other: Delivered) -> None:
        self.delivered += other.delivered
        self.failed += other.failed


class Deliverer:
    """`events` are an order's events above a `seq`. `view` renders one for clients. `warn` logs what is tried again."""

    def __init__(
        self,
        *,
        deliveries: Deliveries,
        events: Callable[[UUID, int], list[Event]],
        sender: Sender,
        view: View,
        warn: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._deliveries = deliveries
        self._events = events
        self._sender = sender
        self._view = view
        self._warn = warn
        self._now = now
        self._clock = clock

    def run(self, seconds: float) -> Delivered:
        """Delivers for `seconds`, while there are webhooks; then ends what it has begun.

        Raises `StoreUnavailable`.
        """
        ends = self._now() + seconds
        total = Delivered()
        with ThreadPoolExecutor(AT_ONCE, "deliver") as threads:
            sending: dict[Future[Delivered], Claim] = {}
            while self._deliveries.follow():
                next_look = min(self._now() + INTERVAL_SECONDS, ends)
                while True:
                    sending |= {threads.submit(self._deliver, claim): claim for claim in self._claim(sending)}
                    pause = next_look - self._now()
                    if pause <= 0:
                        break
                    if not sending:
                        time.sleep(pause)
                    for ended in wait(sending, pause, FIRST_COMPLETED).done:
                        del sending[ended]
                        total.add(ended.result())
                if self._now() >= ends:
                    break
            for ended in wait(sending).done:
                total.add(ended.result())
        return total

    def _claim(self, sending: dict[Future[Delivered], Claim]) -> list[Claim]:
        free = AT_ONCE - len(sending)
        if not free:
            return []
        failing = sum(claim.is_failing for claim in sending.values())
        held = Counter(claim.webhook_id for claim in sending.values())
        return list(self._deliveries.claim(free, max(AT_ONCE_FOR_FAILING - failing, 0), held))

    def _deliver(self, claim: Claim) -> Delivered:
        """Sends the order's events one after the other, until one is not taken.

        An error holds back this order only: its claim lapses, and its events are sent again.
        """
        done = Delivered()
        try:
            self._send_all(claim, done)
        except Exception as error:
            self._warn(f"order {claim.order_id} for webhook {claim.webhook_id}: {type(error).__name__}: {error}")
        return done

    def _send_all(self, claim: Claim, done: Delivered) -> None:
        try:
            events = self._events(claim.order_id, claim.seq)
            for event in events:
                if claim.statuses is None or event.status in claim.statuses:
                    if error := self._send(claim, event):
                        done.failed += 1
                        is_late = claim.failing_seconds >= RETRY_SECONDS
                        self._deliveries.failed(claim, error, None if is_late else pause_after(claim.attempts + 1))
                        return
                    done.delivered += 1
                    renewed = self._deliveries.delivered(claim, event.seq)
                    if renewed is None:
                        return
                    claim = renewed
            # Events that are too old to be kept are passed over.
            self._deliveries.release(claim, max(claim.last_seq, *(event.seq for event in events), 0))
        except SenderUnavailable as error:
            self._warn(f"nothing was sent: {error}")
            self._deliveries.postpone(claim, POSTPONED_SECONDS)

    def _send(self, claim: Claim, event: Event) -> str | None:
        message = {"type": f"order.{event.status}", "timestamp": rfc3339(event.at), "data": self._view(event)}
        body = json.dumps(message, ensure_ascii=False)
        headers = signed_headers(claim.secret, message_id(event), int(self._clock()), body)
        return self._sender.send(claim.url, headers, body)
