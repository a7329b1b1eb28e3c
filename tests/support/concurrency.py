"""Threads that start together, and conditions that come true later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def at_once(count: int, call: Callable[[int], T]) -> list[T]:
    """Calls `call` with 0 … count − 1 in threads that start together. Returns the results or raises an error."""
    barrier = threading.Barrier(count)
    answers: list[Future[T]] = [Future() for _ in range(count)]

    def start(number: int) -> None:
        try:
            barrier.wait(30)
            answers[number].set_result(call(number))
        except BaseException as error:
            answers[number].set_exception(error)

    for number in range(count):
        # Daemons, so that one that hangs fails only its own test.
        threading.Thread(target=start, args=(number,), daemon=True).start()
    return [answer.result(60) for answer in answers]


def eventually(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """Returns the first true value of the condition. Fails after `seconds`."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"not within {seconds:g} s"
        time.sleep(0.005)
    return value
