"""Stand-ins for the programs of five DEXs: an instruction becomes token transfers and new bytes of the pool."""

from __future__ import annotations

from solders.pubkey import Pubkey

from localnet.programs import meteora_damm_v2, meteora_dlmm, raydium_amm_v4, raydium_clmm, raydium_cp
from localnet.programs.standin import Standin

STANDINS: dict[Pubkey, Standin] = {
    program.ID: program.standin for program in (raydium_cp, raydium_amm_v4, raydium_clmm, meteora_dlmm, meteora_damm_v2)
}
"""The stand-ins by the id of the program that each stands for."""
