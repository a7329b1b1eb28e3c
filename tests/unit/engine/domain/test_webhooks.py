from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime
from itertools import accumulate
from uuid import UUID

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import (
    LONGEST_PAUSE,
    RETRY_SECONDS,
    message_id,
    new_webhook_secret,
    pause_after,
    signed_headers,
)


def test_a_message_is_signed_as_the_libraries_of_standard_webhooks_sign_it() -> None:
    """The example of their tests."""
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert signed_headers(secret, id, 1614265330, '{"test": 2432232314}') == {
        "webhook-id": id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_signature_covers_the_id_the_time_and_the_body() -> None:
    secret = new_webhook_secret()
    signatures = {
        signed_headers(*message)["webhook-signature"]
        for message in (
            (secret, "a", 1, "{}"),
            (secret, "b", 1, "{}"),
            (secret, "a", 2, "{}"),
            (secret, "a", 1, '{"é": 1}'),
            (new_webhook_secret(), "a", 1, "{}"),
        )
    }
    assert len(signatures) == 5


def test_a_secret_has_256_random_bits() -> None:
    first, second = new_webhook_secret(), new_webhook_secret()
    assert first != second
    assert len(b64decode(first.removeprefix("whsec_"), validate=True)) == 32


def test_the_id_of_a_message_names_its_event_without_what_separates_the_signed_parts() -> None:
    event = Event(UUID(int=7), 3, Status.BUILDING, datetime.now(UTC), 1, {})
    assert message_id(event) == f"{UUID(int=7)}_3"
    assert "." not in message_id(event)


def test_pauses_grow_to_two_hours_and_make_some_twenty_attempts_a_day() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 40)]
    assert pauses[:7] == [5, 20, 80, 320, 1280, 5120, 7200]
    assert set(pauses[6:]) == {LONGEST_PAUSE}
    assert 15 <= sum(total < RETRY_SECONDS for total in accumulate(pauses)) <= 25
    assert pause_after(10**9) == LONGEST_PAUSE
