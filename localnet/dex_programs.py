"""The five programs: their names here, their ids, and the binaries that the recordings were made with."""

from __future__ import annotations

from typing import NamedTuple

from solders.pubkey import Pubkey


class Program(NamedTuple):
    """A program, and the size in bytes and the SHA-256 of its recorded binary."""

    name: str
    id: Pubkey
    recorded_bytes: int
    recorded_sha256: str


RAYDIUM_CP = Program(
    "raydium_cp",
    Pubkey.from_string("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C"),
    535_664,
    "4ec452fc44ad608c638a08355b8f964c92109a646f63ab481f98ee5e90c00e7b",
)
RAYDIUM_AMM_V4 = Program(
    "raydium_amm_v4",
    Pubkey.from_string("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"),
    1_406_384,
    "d3f6906a8e2847865f95b0c156b06d05db07778dd1d6c24044bae0b9ac1bb93c",
)
RAYDIUM_CLMM = Program(
    "raydium_clmm",
    Pubkey.from_string("CAMMCzo5YL8w4VFF8KVHrK22GGUsp5VTaW7grrKgrWqK"),
    1_700_160,
    "eeb4215b0f46425d75476fc89bc945183575ec81fbbe35413951a5bc4aaaa10d",
)
METEORA_DLMM = Program(
    "meteora_dlmm",
    Pubkey.from_string("LBUZKhRxPF3XUpBCjp4YzTKgLccjZhTSDM9YuVaPwxo"),
    2_067_376,
    "942f609d03440911f15c40e8df1733d808670768fd9042af1de956964fb2f0e6",
)
METEORA_DAMM_V2 = Program(
    "meteora_damm_v2",
    Pubkey.from_string("cpamdpZCGKUy5JxQXB4dcpGPiikHawvSWAd6mEn1sGG"),
    1_524_856,
    "171e53bbc797459dde7f62d7b57943b0b596087e9364e25f4c3127e9893cb1b1",
)
PROGRAMS = (RAYDIUM_CP, RAYDIUM_AMM_V4, RAYDIUM_CLMM, METEORA_DLMM, METEORA_DAMM_V2)
