"""Stand-ins for the programs of five DEXs: an instruction becomes token transfers and new bytes of the pool."""

from __future__ import annotations

from solders.pubkey import Pubkey

from localnet.programs.standin import Standin

STANDINS: dict[Pubkey, Standin] = {}
"""The stand-ins by the id of the program that each stands for."""
