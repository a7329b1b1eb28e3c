"""Threads that start together, and conditions that come true later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def at_once(count: int, call: Callable[[int], T]) -> list[T]:
    """Calls it with 0 … count − 1, each in a thread, all at the same moment. Raises what any of them raised."""
    barrier = threading.Barrier(count)
    answers: list[Future[T]] = [Future() for _ in range(count)]

    def start(number: int) -> None:
        try:
            barrier.wait(30)
            answers[number].set_result(call(number))
        except BaseException as error:
            answers[number].set_exception(error)

    for number in range(count):
        # Not waited for at the end: one that hangs fails its test, and holds up no other.
        threading.Thread(target=start, args=(number,), daemon=True).start()
    return [answer.result(60) for answer in answers]


def eventually(condition: Callable[[], T], seconds: float = 30.0) -> T:
    """The condition's first true value."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"not within {seconds:g} s"
        time.sleep(0.005)
    return value
