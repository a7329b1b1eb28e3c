"""Two revisions are compared turn by turn."""

from __future__ import annotations

import pytest

from bench.meters import Part
from bench.paired import titles
from bench.series import Series, cell, ratios


def test_a_ratio_is_of_one_turn() -> None:
    # GIVEN a machine that is three times slower in the second turn
    before, now = [10.0, 30.0, 10.0], [5.0, 15.0, 6.0]
    assert list(ratios(before, now)) == [0.5, 0.5, 0.6]


def test_what_one_of_them_lacks_has_no_ratio() -> None:
    assert list(ratios([0.0, 2.0], [1.0, 1.0])) == [0.5]
    assert list(ratios([2.0, 2.0], [1.0])) == [0.5]


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([], ""),
        ([0.0, 0.0], ""),
        ([0.5], "0.50"),
        ([3.0, 1.0, 2.04], "2.0 (1.0–3.0)"),
        ([99.0, 101.0, 250.0], "101 (99–250)"),
    ],
)
def test_a_cell_has_the_median_and_the_extremes(values: list[float], shown: str) -> None:
    assert cell(values) == shown


def test_a_name_that_comes_later_counts_as_nothing_before() -> None:
    series = Series()
    series.add(True, {"a": 4.0})
    series.add(False, {"a": 2.0})
    series.add(False, {"a": 1.0, "b": 3.0, "c": 0.0})
    series.add(True, {"a": 4.0})
    assert series.before == {"a": [4.0, 4.0]}
    assert series.now == {"a": [2.0, 1.0], "b": [0.0, 3.0], "c": [0.0, 0.0]}
    assert list(series.rows()) == [
        ["a", "4.0 (4.0–4.0)", "1.5 (1.0–2.0)", "0.38 (0.25–0.50)"],
        ["b", "", "1.5 (0.0–3.0)", ""],
    ]


def test_functions_are_parts_of_their_kind() -> None:
    cpu = {Part("emulator"): 4.0, Part("functions", "Route"): 1.0, Part("functions", "Execute"): 2.0}
    assert list(titles(cpu).items()) == [
        ("functions", 3.0), ("… Execute", 2.0), ("… Route", 1.0), ("emulator", 4.0), ("all", 7.0),
    ]  # fmt: skip
