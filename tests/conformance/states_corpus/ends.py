"""Succeed, Fail and Wait states."""

from __future__ import annotations

from tests.conformance.states_corpus.machines import (
    single,
    state,
)

ENDS = [
    single("Succeed", {"a": {"b": 1}}, Type="Succeed", InputPath="$.a"),
    single("Succeed with OutputPath", {"a": {"b": 1}}, Type="Succeed", OutputPath="$.a.b"),
    single("Fail", {}, Type="Fail", Error="E", Cause="why"),
    single("Fail with nothing", {}, Type="Fail"),
    single("Fail with an error only", {}, Type="Fail", Error="E"),
    single("ErrorPath and CausePath", {"e": "E", "c": "why"}, Type="Fail", ErrorPath="$.e", CausePath="$.c"),
    single("CausePath by an intrinsic", {"e": "E"}, Type="Fail", Error="E", CausePath="States.Format('{}!', $.e)"),
    single("ErrorPath by the context", {}, Type="Fail", ErrorPath="$$.State.Name", Cause="c"),
    single("ErrorPath missing", {}, Type="Fail", ErrorPath="$.e"),
    state("Wait", {"a": 1}, Type="Wait", Seconds=0),
    state("Wait with paths", {"a": {"s": 0}}, Type="Wait", InputPath="$.a", SecondsPath="$.s", OutputPath="$.s"),
    state("Wait until the past", {"a": 1}, Type="Wait", Timestamp="2020-01-01T00:00:00Z"),
    state("Wait until a path", {"a": "2020-01-01T00:00:00Z"}, Type="Wait", TimestampPath="$.a"),
    state("Wait until no time", {"a": "2020-13-01T00:00:00Z"}, Type="Wait", TimestampPath="$.a"),
    state("Wait for no number", {"s": "x"}, Type="Wait", SecondsPath="$.s"),
    state("Wait for a fraction", {"s": 1.5}, Type="Wait", SecondsPath="$.s"),
    state("Wait for less than nothing", {"s": -1}, Type="Wait", SecondsPath="$.s"),
    state("Wait for what is missing", {"a": {}}, Type="Wait", SecondsPath="$.a.s"),
]
