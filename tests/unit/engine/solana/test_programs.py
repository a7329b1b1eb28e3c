from __future__ import annotations

from base64 import b64decode
from random import Random
from struct import Struct
from typing import Any

import pytest

from order_engine.solana.addresses import ADDRESS_BYTES, encode
from order_engine.solana.layouts import Layout
from order_engine.solana.programs import (
    meteora_damm_v2,
    meteora_dlmm,
    raydium_amm_v4,
    raydium_clmm,
    raydium_cp,
)
from order_engine.solana.programs.program import Program
from tests.support.deployments import MAINNET
from tests.unit.engine.solana.recordings import Recording, Row, documents, each_recording
from tests.unit.engine.solana.samples import SIZES

LAYOUTS = {
    ("raydium_cp", "pool"): raydium_cp.POOL,
    ("raydium_cp", "config"): raydium_cp.CONFIG,
    ("raydium_amm_v4", "pool"): raydium_amm_v4.POOL,
    ("raydium_clmm", "pool"): raydium_clmm.POOL,
    ("raydium_clmm", "config"): raydium_clmm.CONFIG,
    ("raydium_clmm", "tick_array"): raydium_clmm.TICK_ARRAY,
    ("raydium_clmm", "bitmap_extension"): raydium_clmm.EXTENSION,
    ("meteora_dlmm", "pool"): meteora_dlmm.PAIR,
    ("meteora_dlmm", "bin_array"): meteora_dlmm.BIN_ARRAY,
    ("meteora_dlmm", "bitmap_extension"): meteora_dlmm.EXTENSION,
    ("meteora_damm_v2", "pool"): meteora_damm_v2.POOL,
}

programs = pytest.mark.parametrize("program", MAINNET.programs.values(), ids=lambda program: program.kind)


def recorded_field(field: Row, data: bytes) -> Any:
    at, kind = field["offset"], field["type"]
    if kind == "pubkey":
        return data[at : at + ADDRESS_BYTES]
    if kind.startswith("bytes"):
        return data[at : at + int(kind[6:-1])]
    return int.from_bytes(data[at : at + SIZES[kind]], "little", signed=kind[0] == "i")


@pytest.mark.parametrize(("name", "account"), LAYOUTS)
def test_a_layout_is_the_recorded_one(name: str, account: str) -> None:
    layout, recorded = LAYOUTS[name, account], documents()[name]["meta"]["layouts"][account]
    assert (layout.size, layout.discriminator.hex()) == (recorded["size"], recorded["discriminator"])
    noise = Random(name + account).randbytes(layout.size)
    data = layout.discriminator + noise[len(layout.discriminator) :]
    expected = {
        field["name"]: recorded_field(field, data) for field in recorded["fields"] if field["name"] in layout.offsets
    }
    assert layout.decode(data) == expected


def noise(struct: Struct, name: str, record: str, *fields: str) -> tuple[list[Any], bytes]:
    """Noise as long as a record of the layouts of that name, and its fields as recorded."""
    recorded = documents()[name]["meta"]["layouts"][record]
    assert struct.size == recorded["size"]
    data = Random(record).randbytes(struct.size)
    by_name = {field["name"]: field for field in recorded["fields"]}
    return [recorded_field(by_name[field], data) for field in fields], data


def test_a_bin_is_the_recorded_one() -> None:
    amounts = "amount_x", "amount_y", "price"
    orders = "open_order_amount", "processed_order_remaining_amount", "limit_order_ask_side"
    expected, data = noise(meteora_dlmm.BIN, "meteora_dlmm", "bin", *amounts, *orders)
    x, y, low, high, *rest = meteora_dlmm.BIN.unpack(data)
    assert [x, y, low | high << 64, *rest] == expected


def test_a_tick_is_the_recorded_one() -> None:
    fields = "tick", "liquidity_net", "liquidity_gross"
    expected, data = noise(raydium_clmm.TICK, "raydium_clmm", "tick", *fields)
    tick, net_low, net_high, gross_low, gross_high, *_ = raydium_clmm.TICK.unpack(data)
    assert [tick, net_low | net_high << 64, gross_low | gross_high << 64] == expected


def test_an_account_longer_than_its_layout_is_decoded_as_far_as_known() -> None:
    layout = Layout("a record", b"\1", ("_", 1), ("value", "i32"))
    assert layout.decode(b"\1\0\xff\xff\xff\xff\7") == {"value": -1}


@each_recording()
def test_a_pool_is_found_by_its_size_its_discriminator_and_its_mints(recording: Recording) -> None:
    program, roles = recording.program, {raw["role"]: raw for raw in recording.pool["accounts"]}
    data = b64decode(roles["pool"]["data"])
    assert len(data) == program.pool_size
    assert data.startswith(program.discriminator)
    mints = [encode(data[offset : offset + ADDRESS_BYTES]) for offset in program.mint_offsets]
    assert mints == [roles["mint_a"]["address"], roles["mint_b"]["address"]]


def recorded_errors(program: Program) -> tuple[dict[int, str], dict[int, str]]:
    """The names of the recorded binary's errors and of newer source's, by code."""
    errors = documents()[program.kind]["meta"]["errors"]
    lists = errors["codes"], errors.get("newer_source", {"codes": []})["codes"]
    recorded, newer = ({error["code"]: error["name"] for error in each} for each in lists)
    return recorded, newer


@programs
def test_an_error_has_the_recorded_name(program: Program) -> None:
    """Unless newer source gives its code to another error."""
    recorded, newer = recorded_errors(program)
    same = {code: name for code, name in recorded.items() if newer.get(code, name) == name}
    assert program.codes.items() >= same.items()


@programs
def test_every_reaction_is_to_an_error_of_the_program(program: Program) -> None:
    recorded, _ = recorded_errors(program)
    assert set(program.errors) <= {*program.codes.values(), *recorded.values()}
