"""The programs whose pools the engine trades in, a module each."""

from __future__ import annotations

from order_engine.solana.addresses import Address
from order_engine.solana.programs.meteora_damm_v2 import DammV2
from order_engine.solana.programs.meteora_dlmm import Dlmm
from order_engine.solana.programs.program import Program
from order_engine.solana.programs.raydium_amm_v4 import AmmV4
from order_engine.solana.programs.raydium_clmm import Clmm
from order_engine.solana.programs.raydium_cp import CpSwap

_ALL: tuple[Program, ...] = (CpSwap(), AmmV4(), Clmm(), Dlmm(), DammV2())

PROGRAMS: dict[Address, Program] = {program.id: program for program in _ALL}
"""The programs by their ids."""
