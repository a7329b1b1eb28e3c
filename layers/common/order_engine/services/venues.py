"""Asks several venues at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from order_engine.dex.routing import Listing
from order_engine.domain.errors import EngineError, VenueUnavailable
from order_engine.ports import PoolList, Venue


class Venues:
    """A `Venue` that answers for several within `deadline` seconds.

    One that fails, or does not answer in time, is left out: `unusable` says why by its name.
    """

    def __init__(self, venues: Sequence[Venue], deadline: float) -> None:
        self.name = "+".join(venue.name for venue in venues)
        self._venues = venues
        self._deadline = deadline
        # One thread per venue: a venue that hangs delays no other.
        self._threads = {venue.name: ThreadPoolExecutor(1, f"quote-{venue.name}") for venue in venues}

    def pools(self, tokens: Sequence[str]) -> PoolList:
        answers = {venue.name: self._threads[venue.name].submit(venue.pools, tokens) for venue in self._venues}
        wait(answers.values(), timeout=self._deadline)
        listings: list[Listing] = []
        unusable: dict[str, EngineError] = {}
        now = None
        for name, answer in answers.items():
            if not answer.done():
                answer.cancel()
                unusable[name] = VenueUnavailable(f"{name} did not quote within {self._deadline:g} s")
                continue
            try:
                pools = answer.result()
            except EngineError as error:
                unusable[name] = error
            else:
                listings += pools.listings
                unusable |= pools.unusable
                now = now if pools.now is None else pools.now
        return PoolList(listings, unusable, now)
