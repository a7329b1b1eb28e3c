"""Faults strike as often as they were asked to."""

from __future__ import annotations

from localnet.faults import Fault, Faults


def test_a_fault_strikes_its_times() -> None:
    faults = Faults()
    faults.add(Fault("drop", times=2))
    assert [faults.strike("drop") is not None for _ in range(3)] == [True, True, False]
    assert not list(faults)


def test_a_fault_without_times_strikes_until_it_is_cleared() -> None:
    faults = Faults()
    faults.add(Fault("503"))
    assert all(faults.strike("503") for _ in range(10))
    faults.clear()
    assert faults.strike("503") is None


def test_a_fault_strikes_its_own_kind_only() -> None:
    faults = Faults()
    faults.add(Fault("lag", slots=3))
    assert faults.strike("delay") is None
    assert faults.strike("lag") == Fault("lag", slots=3)


def test_a_fault_strikes_its_percentage() -> None:
    chances = iter([0.09, 0.1, 0.5, 0.0])
    faults = Faults(lambda: next(chances))
    faults.add(Fault("429", times=2, percent=10))
    assert [faults.strike("429") is not None for _ in range(4)] == [True, False, False, True]


def test_the_first_fault_that_strikes_counts() -> None:
    faults = Faults()
    faults.add(Fault("delay", times=1, slots=1))
    faults.add(Fault("delay", times=1, slots=2))
    assert [fault.slots for _ in range(2) if (fault := faults.strike("delay"))] == [1, 2]
