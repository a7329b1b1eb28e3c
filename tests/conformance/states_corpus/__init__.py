"""Small state machines with inputs that run in several interpreters."""

from __future__ import annotations

from tests.conformance.states_corpus.choices import CHOICES
from tests.conformance.states_corpus.data import DATA_FLOW, INTRINSICS, PATHS
from tests.conformance.states_corpus.ends import ENDS
from tests.conformance.states_corpus.fan_out import FAN_OUT
from tests.conformance.states_corpus.machines import Case
from tests.conformance.states_corpus.tasks import TASKS

__all__ = ["CASES", "Case"]


CASES = [*PATHS, *INTRINSICS, *DATA_FLOW, *CHOICES, *ENDS, *TASKS, *FAN_OUT]
