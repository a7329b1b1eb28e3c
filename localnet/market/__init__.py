"""The market of the localnet: its tokens, its pools, and other traders."""

from __future__ import annotations

from localnet.market.genesis import genesis
from localnet.market.lookup_table import LOOKUP_TABLE
from localnet.market.prices import Prices
from localnet.market.tokens import TOKENS
from localnet.market.traders import Traders

__all__ = ["LOOKUP_TABLE", "TOKENS", "Prices", "Traders", "genesis"]
