from __future__ import annotations

from collections import Counter

import pytest

from tests.unit.engine.solana.recordings import (
    AGREED,
    BEYOND_MATHS,
    EXACT_OUT,
    FAR,
    FOR_NOTHING,
    IN_PART,
    NOT_DECODED,
    NOT_QUOTED,
    OTHER_ARRAYS,
    OTHER_FORM,
    REFUSED,
    TOO_DEAR,
    WITHOUT_FEE,
    Recording,
    documents,
    each_recording,
    recordings,
    replay,
)

SEEDS = {"dex vectors 1", "damm fees 1", "exact out 1"}

ROWS: dict[str, dict[str, int]] = {
    "raydium_cp": {AGREED: 69, EXACT_OUT: 1, NOT_DECODED: 4, NOT_QUOTED: 21, TOO_DEAR: 7, REFUSED: 6},
    "raydium_amm_v4": {
        AGREED: 33,
        OTHER_FORM: 22,
        WITHOUT_FEE: 25,
        NOT_DECODED: 10,
        NOT_QUOTED: 14,
        TOO_DEAR: 5,
        REFUSED: 8,
    },
    "raydium_clmm": {
        AGREED: 31,
        OTHER_ARRAYS: 27,
        OTHER_FORM: 1,
        EXACT_OUT: 1,
        FAR: 1,
        NOT_DECODED: 4,
        NOT_QUOTED: 12,
        TOO_DEAR: 7,
        REFUSED: 6,
    },
    "meteora_dlmm": {
        AGREED: 58,
        OTHER_ARRAYS: 1,
        OTHER_FORM: 1,
        EXACT_OUT: 1,
        NOT_DECODED: 7,
        NOT_QUOTED: 11,
        TOO_DEAR: 7,
        REFUSED: 7,
    },
    "meteora_damm_v2": {
        AGREED: 84,
        OTHER_FORM: 2,
        EXACT_OUT: 1,
        FOR_NOTHING: 16,
        IN_PART: 1,
        NOT_DECODED: 4,
        NOT_QUOTED: 3,
        TOO_DEAR: 7,
        REFUSED: 4,
    },
    "raydium_amm_v4_exact_out": {EXACT_OUT: 24, NOT_DECODED: 2, NOT_QUOTED: 2, TOO_DEAR: 2},
    "meteora_damm_v2_fees": {AGREED: 127, EXACT_OUT: 13, BEYOND_MATHS: 8, NOT_DECODED: 2, TOO_DEAR: 4},
}
"""The rows of the files of these seeds, by outcome."""


@each_recording()
def test_a_recorded_pool_is_read_quoted_and_traded_as_the_program_did(recording: Recording) -> None:
    assert replay(recording).total() == len(recording.rows)


@pytest.mark.parametrize("name", ROWS)
def test_as_many_rows_agree_as_ever(name: str) -> None:
    if documents()[name]["meta"]["seed"] not in SEEDS:
        pytest.skip("the figures are those of another seed")
    outcomes: Counter[str] = sum(map(replay, recordings(name)), Counter())
    assert outcomes == ROWS[name]
