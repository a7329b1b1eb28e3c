"""The lookup tables that transactions may use."""

from __future__ import annotations

from collections.abc import Sequence

from order_engine.domain.errors import ChainRefused
from order_engine.solana.addresses import Address
from order_engine.solana.messages import LookupTable, UnusableLookupTable, lookup_table
from order_engine.solana.rpc import Rpc


class LookupTables:
    """Tables at these addresses, read once. They must not be extended meanwhile: what is added is not seen."""

    def __init__(self, rpc: Rpc, addresses: Sequence[Address] = ()) -> None:
        self._rpc = rpc
        self._addresses = addresses
        self._tables: Sequence[LookupTable] | None = None

    def read(self) -> Sequence[LookupTable]:
        """Raises `VenueUnavailable`; `ChainRefused` for an account that is no table, or no longer one."""
        if self._tables is None:
            accounts = self._rpc.accounts(self._addresses).accounts if self._addresses else {}
            try:
                self._tables = [lookup_table(key, account) for key, account in accounts.items()]
            except UnusableLookupTable as error:
                raise ChainRefused(str(error)) from error
        return self._tables
