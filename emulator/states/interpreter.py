"""Runs a state machine."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from emulator.states.choices import timestamp
from emulator.states.encoding import encode, exceeds_limit
from emulator.states.errors import EvaluationError, Failure, RuntimeFailure, data_limit
from emulator.states.history import Event
from emulator.states.model import (
    Attempted,
    Catcher,
    Choice,
    Fail,
    Graph,
    Map,
    Parallel,
    Pass,
    Retrier,
    State,
    Task,
    Wait,
)

_INLINE_MAP_CONCURRENCY = 40
_STATES_BETWEEN_YIELDS = 50
_MAX_WAIT = 2.0**31 - 1
_MAX_RETRY_DELAY = 31_536_000.0


class Execution:
    """The state of an execution: the constant part of the context object, and the recorded events."""

    def __init__(
        self,
        execution: dict[str, Any],
        machine: dict[str, Any],
        *,
        max_events: int = 25_000,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.execution = execution
        self.machine = machine
        self.events: list[Event] = []
        self.now = now
        self._max_events = max_events

    def record(self, kind: str, previous: int, details: dict[str, Any]) -> int:
        """Records an event, with references to the values in `details`; returns its id."""
        events = self.events
        if len(events) >= self._max_events:
            raise Failure("States.Runtime", f"Execution reached the maximum number of history events: {len(events)}.")
        events.append(Event(kind, self.now(), previous, details))
        return len(events)


class Scope:
    """A sequence of states in an execution: the machine itself, a branch or an iteration."""

    def __init__(self, execution: Execution, previous: int = 0, item: dict[str, Any] | None = None) -> None:
        self.execution = execution
        self.previous = previous
        self.item = item
        self.state: State | None = None
        self.entered = 0
        self.retries: int | None = None

    def record(self, kind: str, details: dict[str, Any]) -> None:
        self.previous = self.execution.record(kind, self.previous, details)

    def enter(self, state: State, data: Any) -> None:
        self.state = state
        self.retries = 0 if isinstance(state, Attempted) else None
        self.record(f"{type(state).__name__}StateEntered", {"name": state.name, "input": data})
        self.entered = self.previous

    def document(self) -> dict[str, Any]:
        """Returns the context object."""
        document: dict[str, Any] = {"Execution": self.execution.execution, "StateMachine": self.execution.machine}
        if self.state is not None:
            entered = self.execution.events[self.entered - 1].at
            document["State"] = {"Name": self.state.name, "EnteredTime": rfc3339(entered)}
            if self.retries is not None:
                document["State"]["RetryCount"] = self.retries
        if self.item is not None:
            document["Map"] = {"Item": self.item}
        return document

    def located(self, error: EvaluationError) -> Failure:
        name = self.state.name if self.state else ""
        where = f"An error occurred while executing the state '{name}' (entered at the event id #{self.entered})."
        return Failure(error.error, f"{where} {error.cause}")


class TaskCaller(Protocol):
    async def __call__(self, state: Task, parameters: Any, scope: Scope, timeout: float | None) -> Any:
        """Returns the task's result. Raises Failure if it fails or does not end within `timeout` seconds."""


class Interpreter:
    """Runs graphs of states. `sleep` waits for seconds; `uniform` returns a random number for Retry's jitter."""

    def __init__(
        self,
        call_task: TaskCaller,
        *,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._call_task = call_task
        self._sleep = sleep
        self._uniform = uniform

    async def run(self, graph: Graph, data: Any, scope: Scope) -> Any:
        """Returns the output for the input `data`, a JSON document that is not changed. Raises Failure."""
        following: str | None = graph.start
        count = 0
        while following is not None:
            count += 1
            if count % _STATES_BETWEEN_YIELDS == 0:
                # A machine that loops without a task must not block the emulator.
                await asyncio.sleep(0)
            state = graph.states[following]
            scope.enter(state, data)
            try:
                output, following = await self._run_state(state, data, scope)
            except EvaluationError as error:
                raise scope.located(error) from None
            if output is not data and exceeds_limit(output):
                raise data_limit(state.name)
            data = output
            scope.record(f"{type(state).__name__}StateExited", {"name": state.name, "output": data})
        return data

    async def _run_state(self, state: State, data: Any, scope: Scope) -> tuple[Any, str | None]:
        if isinstance(state, Attempted):
            return await self._attempt(state, data, scope)
        selected = data if state.input is None else state.input(data, scope)
        if isinstance(state, Choice):
            return _output(state, selected, scope), _choose(state, selected, scope)
        if isinstance(state, Pass):
            return _pass(state, data, selected, scope), state.next
        if isinstance(state, Wait):
            await self._sleep(_delay(state, selected, scope))
        elif isinstance(state, Fail):
            raise Failure(_text(state.error, "ErrorPath", data, scope), _text(state.cause, "CausePath", data, scope))
        return _output(state, selected, scope), state.next

    async def _attempt(self, state: Attempted, data: Any, scope: Scope) -> tuple[Any, str | None]:
        attempts = [0] * len(state.retry)
        while True:
            try:
                result = await self._perform(state, data, scope)
                return _output(state, result, scope), state.next
            except EvaluationError as error:
                failure, started = scope.located(error), False
            except Failure as error:
                failure, started = error, not isinstance(state, Task)
            delay = self._next_delay(state.retry, attempts, failure)
            if delay is not None:
                await self._sleep(delay)
                scope.retries = (scope.retries or 0) + 1
                continue
            if started:
                scope.record(f"{type(state).__name__}StateFailed", {})
            for catcher in state.catch:
                if _matches(catcher.errors, failure.error):
                    return _caught(catcher, data, failure), catcher.next
            raise failure

    def _next_delay(self, retry: tuple[Retrier, ...], attempts: list[int], failure: Failure) -> float | None:
        """Returns the seconds until the next attempt, or None if there is none."""
        for index, retrier in enumerate(retry):
            if not _matches(retrier.errors, failure.error):
                continue
            if attempts[index] >= retrier.max_attempts:
                return None
            try:
                delay = retrier.interval * retrier.backoff ** attempts[index]
            except OverflowError:
                delay = _MAX_RETRY_DELAY
            attempts[index] += 1
            delay = min(delay, retrier.max_delay or _MAX_RETRY_DELAY)
            return self._uniform(0, delay) if retrier.jitter else delay
        return None

    async def _perform(self, state: Attempted, data: Any, scope: Scope) -> Any:
        """Returns the state's result, placed in its input."""
        selected = data if state.input is None else state.input(data, scope)
        if state.parameters is not None:
            selected = state.parameters(selected, scope)
        if isinstance(state, Task):
            timeout = None if state.timeout is None else _positive(state.timeout(data, scope))
            result = await self._call_task(state, selected, scope, timeout)
        elif isinstance(state, Map):
            result = await self._map(state, selected, scope)
        else:
            assert isinstance(state, Parallel)
            result = await self._parallel(state, selected, scope)
        if state.selector is not None:
            result = state.selector(result, scope)
        return data if state.result_path is None else state.result_path.assign(data, result)

    async def _parallel(self, state: Parallel, data: Any, scope: Scope) -> list[Any]:
        scope.record("ParallelStateStarted", {})
        scopes = [Scope(scope.execution, scope.previous, scope.item) for _ in state.branches]

        async def branch(index: int) -> Any:
            return await self.run(state.branches[index], data, scopes[index])

        results = await _all(branch, len(scopes), len(scopes), scope, scopes)
        scope.execution.record("ParallelStateSucceeded", scope.previous, {})
        return results

    async def _map(self, state: Map, data: Any, scope: Scope) -> list[Any]:
        limit = _concurrency(state, data, scope)
        items = data if state.items is None else state.items(data, scope)
        if not isinstance(items, list):
            raise RuntimeFailure(f'Reference path "{state.items_text}" must point to array.')
        scope.record("MapStateStarted", {"length": len(items)})
        scopes = [
            Scope(scope.execution, scope.previous, {"Index": index, "Value": item}) for index, item in enumerate(items)
        ]

        async def iterate(index: int) -> Any:
            inner = scopes[index]
            inner.record("MapIterationStarted", _iteration(inner, state))
            # The iterations that run at the same time all start before the first of them enters a state.
            await asyncio.sleep(0)
            try:
                inner.state = state
                inner.entered = scope.entered
                item = items[index] if state.item_selector is None else state.item_selector(data, inner)
                result = await self.run(state.processor, item, inner)
            except EvaluationError as error:
                raise inner.located(error) from None
            inner.record("MapIterationSucceeded", _iteration(inner, state))
            return result

        results = await _all(iterate, len(items), limit, scope, scopes)
        scope.execution.record("MapStateSucceeded", scope.previous, {})
        return results


async def _all(
    start: Callable[[int], Awaitable[Any]], count: int, limit: int, scope: Scope, scopes: list[Scope]
) -> list[Any]:
    """Returns the results of all sequences, run at most `limit` at a time. The first that fails stops the others."""
    results: list[Any] = [None] * count
    running: dict[int, Scope] = {}
    failed: list[Scope] = []
    indexes = iter(range(count))
    started = scope.previous

    async def work() -> None:
        previous = started
        for index in indexes:
            line = running[index] = scopes[index]
            line.previous = previous
            try:
                results[index] = await start(index)
            except Exception:
                failed.append(line)
                raise
            del running[index]
            scope.previous = line.previous
            # On AWS an iteration follows the last state of the iteration before it, not the event of its success.
            previous = scope.execution.events[line.previous - 1].previous

    workers = [asyncio.ensure_future(work()) for _ in range(min(limit, count))]
    try:
        await asyncio.gather(*workers)
    except Failure:
        first = failed[0]
        scope.previous = first.previous
        if isinstance(scope.state, Map):
            scope.execution.record("MapIterationFailed", scope.previous, _iteration(first, scope.state))
        for index in sorted(running):
            if running[index] is not first:
                _record_aborted(running[index], scope)
                if isinstance(scope.state, Map):
                    scope.execution.record(
                        "MapIterationAborted", scope.previous, _iteration(running[index], scope.state)
                    )
        _record_aborted(first, scope)
        raise
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return results


def _record_aborted(aborted: Scope, scope: Scope) -> None:
    """Records the state that a stopped sequence has entered and not left."""
    state = aborted.state
    if isinstance(state, Attempted | Wait) and state is not scope.state:
        scope.execution.record(f"{type(state).__name__}StateAborted", scope.previous, {})


def _iteration(scope: Scope, state: Map) -> dict[str, Any]:
    assert scope.item is not None
    return {"name": state.name, "index": scope.item["Index"]}


def rfc3339(at: float) -> str:
    """Returns a time such as `2026-01-31T12:00:00.000Z` for seconds since the epoch."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _output(state: State, data: Any, scope: Scope) -> Any:
    return data if state.output is None else state.output(data, scope)


def _pass(state: Pass, data: Any, selected: Any, scope: Scope) -> Any:
    if state.parameters is not None:
        selected = state.parameters(selected, scope)
    if state.result is not None:
        selected = state.result(selected, scope)
    result = data if state.result_path is None else state.result_path.assign(data, selected)
    return _output(state, result, scope)


def _choose(state: Choice, data: Any, scope: Scope) -> str:
    for matches, following in state.rules:
        if matches(data, scope):
            return following
    if state.default is None:
        raise EvaluationError("States.NoChoiceMatched", "No choice matched, and there is no Default.")
    return state.default


def _delay(state: Wait, data: Any, scope: Scope) -> float:
    assert state.value is not None
    if state.kind == "SecondsPath":
        return _seconds_from_path(state, data, scope)
    value = state.value(data, scope)
    if state.kind == "Seconds":
        return float(value)
    until = timestamp(value)
    if until is None:
        raise RuntimeFailure(
            "The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: "
            f"{state.text} == {value if isinstance(value, str) else encode(value)}"
        )
    delay = until.timestamp() - scope.execution.now()
    if delay > _MAX_WAIT:
        raise RuntimeFailure("Wait state delay is too long.")
    return max(0.0, delay)


def _seconds_from_path(state: Wait, data: Any, scope: Scope) -> float:
    assert state.value is not None
    try:
        value = state.value(data, scope)
    except RuntimeFailure:
        raise RuntimeFailure(f"The SecondsPath parameter does not reference an input value: {state.text}") from None
    if isinstance(value, bool) or not isinstance(value, int):
        shown = value if isinstance(value, str) else encode(value)
        raise RuntimeFailure(f"The SecondsPath parameter cannot be parsed as a long value: {state.text} == {shown}")
    if value < 0:
        raise RuntimeFailure(f"The SecondsPath parameter references a negative value: {state.text} == {value}")
    if value > _MAX_WAIT:
        raise RuntimeFailure("Wait state delay is too long.")
    return float(value)


def _text(expression: Callable[[Any, Scope], Any] | None, name: str, data: Any, scope: Scope) -> str | None:
    value = None if expression is None else expression(data, scope)
    if expression is not None and not isinstance(value, str):
        raise RuntimeFailure(f"The {name} field must select a string, was {encode(value)}")
    return value


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise RuntimeFailure(f"The TimeoutSecondsPath parameter must select a positive integer, was {encode(value)}")
    return value


def _concurrency(state: Map, data: Any, scope: Scope) -> int:
    value = state.max_concurrency(data, scope)
    if isinstance(value, bool) or not isinstance(value, int):
        shown = value if isinstance(value, str) else encode(value)
        raise RuntimeFailure(
            f'The MaxConcurrencyPath field refers to value "{shown}" which is not a valid integer: '
            f"{state.max_concurrency_text}"
        )
    if value < 0:
        raise RuntimeFailure(f"Expected non-negative integer for MaxConcurrency, got '{value}' instead.")
    return min(value or _INLINE_MAP_CONCURRENCY, _INLINE_MAP_CONCURRENCY)


def _matches(errors: frozenset[str], error: str | None) -> bool:
    if error == "States.Runtime":
        return False
    if error in errors:
        return True
    return "States.ALL" in errors or ("States.TaskFailed" in errors and error != "States.Timeout")


def _caught(catcher: Catcher, data: Any, failure: Failure) -> Any:
    output = {"Error": failure.error or "", "Cause": failure.cause or ""}
    return data if catcher.result_path is None else catcher.result_path.assign(data, output)
