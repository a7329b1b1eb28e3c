"""The runtime's log lines, taken apart and moved."""

from __future__ import annotations

from solders.pubkey import Pubkey

from localnet import logs
from localnet.logs import Section, sections, truncated

OUTER, INNER = Pubkey.new_unique(), Pubkey.new_unique()
LINES = [
    f"Program {OUTER} invoke [1]",
    "Program log: Program 11111111111111111111111111111111 invoke [1]",
    f"Program {INNER} invoke [2]",
    f"Program {INNER} consumed 100 of 900 compute units",
    f"Program {INNER} success",
    f"Program {OUTER} consumed 300 of 1000 compute units",
    f"Program {OUTER} success",
]
BUILTIN = [f"Program {Pubkey.default()} invoke [1]", f"Program {Pubkey.default()} success"]


def test_each_instruction_has_its_section() -> None:
    assert sections([*BUILTIN, *LINES]) == [Section(Pubkey.default(), BUILTIN), Section(OUTER, LINES)]
    assert sections([]) == []


def test_a_section_knows_what_it_consumed() -> None:
    assert Section(OUTER, LINES).consumed == 300
    assert Section(Pubkey.default(), BUILTIN).consumed == 0


def test_a_section_knows_why_it_failed() -> None:
    failed = [*LINES[:-1], f"Program {OUTER} failed: custom program error: 0x1"]
    assert Section(OUTER, failed).failure == "custom program error: 0x1"
    assert Section(OUTER, LINES).failure is None


def test_a_section_moves_deeper_and_to_more_units() -> None:
    moved = list(Section(OUTER, LINES).moved(units=50, depth=1))
    assert moved[0] == logs.invoked(OUTER, 2)
    assert moved[1] == LINES[1]
    assert moved[2] == logs.invoked(INNER, 3)
    assert moved[3] == logs.consumed(INNER, 100, 950)
    assert moved[5] == logs.consumed(OUTER, 300, 1050)


def test_long_logs_are_cut_as_a_node_cuts_them() -> None:
    assert truncated(["a" * 4_000, "b" * 4_000]) == ("a" * 4_000, "b" * 4_000)
    assert truncated(["a" * 4_000, "b" * 4_000, "c" * 2_000, "d"]) == ("a" * 4_000, "b" * 4_000, "Log truncated")
