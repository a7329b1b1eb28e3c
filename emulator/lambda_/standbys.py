"""Keeps the standby processes, from which the functions' fork servers are forked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from emulator.lambda_.fork_server import ForkServer, packages_of
from emulator.lambda_.records import Function
from emulator.lambda_.requirements import Provided


class Standbys:
    """One standby for all functions that have the same packages, started when the first of them needs it.

    `environments` are the functions with all their variables.
    """

    def __init__(self, environments: Sequence[tuple[Function, dict[str, str]]], ports: Sequence[int] = ()) -> None:
        self._environments = environments
        self._ports = ports
        self._standbys: dict[Provided, ForkServer] = {}
        self._running: set[ForkServer] = set()

    def of(self, function: Function) -> ForkServer:
        """Returns the standby for the packages that the function has now."""
        packages = packages_of(function)
        if packages not in self._standbys or self._standbys[packages].lost:
            alike = [environment for other, environment in self._environments if packages_of(other) == packages]
            standby = self._standbys[packages] = ForkServer(self)
            standby.start(packages, common(alike), self._ports)
            self._running.add(standby)
        return self._standbys[packages]

    def leave(self, standby: ForkServer) -> None:
        """Ends a standby that has lost its last server, if it is for packages that no function has any more."""
        packages = next((packages for packages, one in self._standbys.items() if one is standby), None)
        if not standby.environments and all(packages_of(function) != packages for function, _ in self._environments):
            standby.stop()

    def grow(self) -> None:
        """A server is forked from a standby as soon as it is ready."""

    def fork_server_ended(self, server: ForkServer, code: int) -> None:
        self._running.remove(server)
        self._standbys = {packages: standby for packages, standby in self._standbys.items() if standby is not server}

    def interrupt(self) -> None:
        """Ends the standbys that are importing, which cannot end their servers meanwhile."""
        for standby in self._running:
            if not standby.ready:
                standby.stop()

    async def close(self) -> None:
        running = list(self._running)
        for standby in running:
            standby.stop()
        await asyncio.gather(*(standby.ended for standby in running))


def common(environments: Sequence[dict[str, str]]) -> dict[str, str]:
    """Returns the variables that most of the environments have with the same value."""
    counts = Counter(item for environment in environments for item in environment.items())
    return {name: value for (name, value), count in counts.items() if count * 2 > len(environments)}
