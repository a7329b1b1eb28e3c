"""Ports of processes that die before or after any of their calls."""

from __future__ import annotations

from typing import Any

from tests.support.crashes import Crash


class Death:
    """Comes at the point that is reached after `left` others. From then on no port does anything until `over`."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._has_come = False

    def passed(self) -> None:
        """A process has reached a point."""
        if not self._has_come:
            self.left -= 1
            self._has_come = self.left == -1
        if self._has_come:
            raise Crash

    def over(self) -> None:
        """Another process begins."""
        self._has_come = False


class Fragile:
    """Passes every call on to `target`. A point is reached before each and after it."""

    def __init__(self, target: object, death: Death) -> None:
        self._target = target
        self._death = death

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._target, name)

        def fragile(*args: Any, **options: Any) -> Any:
            self._death.passed()
            answer = call(*args, **options)
            self._death.passed()
            return answer

        return fragile if callable(call) else call
