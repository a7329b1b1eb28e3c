"""Parallel and Map states, and the events of an execution."""

from __future__ import annotations

import asyncio

from emulator.lambda_.functions import Invocation
from emulator.states import history
from emulator.states.errors import Failure
from tests.support.emulator.interpreter import (
    CAUGHT,
    FUNCTION,
    PASS,
    TASK,
    Function,
    Machine,
    branch,
    failing,
)


def test_a_failing_branch_stops_its_siblings() -> None:
    stopped: list[str] = []

    async def sleep(seconds: float) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            stopped.append("wait")
            raise

    machine = Machine(
        {
            "Type": "Parallel",
            "Branches": [branch("W", Type="Wait", Seconds=60), branch("F", Type="Fail", Error="E")],
            "Catch": [{"ErrorEquals": ["E"], "Next": "Caught"}],
            "End": True,
        },
        Caught=CAUGHT,
    )
    machine.sleep = sleep
    assert machine.run() == {"Error": "E", "Cause": ""}
    assert stopped == ["wait"]
    assert "WaitStateAborted" in [kind for _, _, kind in machine.events()]


def test_a_map_keeps_its_maximum_concurrency() -> None:
    class Counting(Function):
        running = most = 0

        async def invoke(self, name_or_arn: str, payload: bytes, /) -> Invocation:
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            return Invocation(payload)

    function = Counting()
    processor = branch("T", Type="Task", Resource=FUNCTION)
    state = {"Type": "Map", "MaxConcurrency": 3, "ItemProcessor": processor, "End": True}
    assert Machine(state, function=function).run(list(range(10))) == list(range(10))
    assert function.most == 3


def test_an_endless_loop_ends_at_the_limit_of_events_and_does_not_block_others() -> None:
    machine = Machine({"Type": "Pass", "Next": "S1"}, {"Type": "Pass", "Next": "S"})

    async def main() -> int:
        turns = 0
        execution = asyncio.ensure_future(machine.start())
        while not execution.done():
            turns += 1
            await asyncio.sleep(0)
        assert isinstance(execution.exception(), Failure)
        return turns

    assert asyncio.run(main()) > 100
    assert len(machine.execution.events) == 25_000


def test_events_of_a_caught_task_follow_each_other() -> None:
    state = {**TASK, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
    machine = Machine(state, function=Function(failing("E")), Caught=CAUGHT)
    machine.run({"a": 1})
    assert machine.events() == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "LambdaFunctionScheduled"),
        (4, 3, "LambdaFunctionStarted"),
        (5, 4, "LambdaFunctionFailed"),
        (6, 5, "TaskStateExited"),
        (7, 6, "PassStateEntered"),
        (8, 7, "PassStateExited"),
    ]
    assert history.render(machine.execution.events[2], 3) == {
        "timestamp": 1_700_000_000.0,
        "type": "LambdaFunctionScheduled",
        "id": 3,
        "previousEventId": 2,
        "lambdaFunctionScheduledEventDetails": {
            "resource": FUNCTION,
            "input": '{"a":1}',
            "inputDetails": {"truncated": False},
        },
    }


def test_events_of_a_retried_map_are_numbered_as_awss() -> None:
    state = {
        "Type": "Map",
        "ItemProcessor": branch("F", Type="Fail", Error="E"),
        "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
        "End": True,
    }
    machine = Machine(state)
    machine.fails([1])
    assert machine.events()[1:] == [
        (2, 0, "MapStateEntered"),
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "FailStateEntered"),
        (6, 5, "MapIterationFailed"),
        (7, 5, "MapStateStarted"),
        (8, 7, "MapIterationStarted"),
        (9, 8, "FailStateEntered"),
        (10, 9, "MapIterationFailed"),
        (11, 9, "MapStateFailed"),
    ]


def test_the_iterations_of_a_map_follow_each_others_last_state() -> None:
    processor = {"StartAt": "P", "States": {"P": PASS}}
    machine = Machine({"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True})
    machine.run([1, 2])
    assert machine.events()[2:] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 4, "PassStateEntered"),
        (6, 5, "PassStateExited"),
        (7, 6, "MapIterationSucceeded"),
        (8, 6, "MapIterationStarted"),
        (9, 8, "PassStateEntered"),
        (10, 9, "PassStateExited"),
        (11, 10, "MapIterationSucceeded"),
        (12, 11, "MapStateSucceeded"),
        (13, 11, "MapStateExited"),
    ]


def test_the_iterations_that_a_map_runs_at_once_start_together() -> None:
    machine = Machine({"Type": "Map", "ItemProcessor": {"StartAt": "P", "States": {"P": PASS}}, "End": True})
    machine.run([1, 2])
    assert machine.events()[2:7] == [
        (3, 2, "MapStateStarted"),
        (4, 3, "MapIterationStarted"),
        (5, 3, "MapIterationStarted"),
        (6, 4, "PassStateEntered"),
        (7, 6, "PassStateExited"),
    ]


def test_the_success_of_a_parallel_state_follows_its_last_branch_and_its_exit_the_same_event() -> None:
    inner = {"StartAt": "I", "States": {"I": {"Type": "Parallel", "Branches": [branch("P", **PASS)], "End": True}}}
    machine = Machine({"Type": "Parallel", "Branches": [inner], "End": True})
    machine.run()
    assert machine.events()[1:] == [
        (2, 0, "ParallelStateEntered"),
        (3, 2, "ParallelStateStarted"),
        (4, 3, "ParallelStateEntered"),
        (5, 4, "ParallelStateStarted"),
        (6, 5, "PassStateEntered"),
        (7, 6, "PassStateExited"),
        (8, 7, "ParallelStateSucceeded"),
        (9, 7, "ParallelStateExited"),
        (10, 9, "ParallelStateSucceeded"),
        (11, 9, "ParallelStateExited"),
    ]


def test_a_task_that_fails_in_a_branch_is_aborted_before_the_parallel_state_fails() -> None:
    machine = Machine(
        {
            "Type": "Parallel",
            "Branches": [branch("T", Type="Task", Resource=FUNCTION)],
            "Retry": [{"ErrorEquals": ["E"], "MaxAttempts": 1}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            "End": True,
        },
        function=Function(failing("E"), failing("E")),
        Caught=CAUGHT,
    )
    machine.run()
    assert machine.events()[6:] == [
        (7, 6, "LambdaFunctionFailed"),
        (8, 7, "TaskStateAborted"),
        (9, 7, "ParallelStateStarted"),
        (10, 9, "TaskStateEntered"),
        (11, 10, "LambdaFunctionScheduled"),
        (12, 11, "LambdaFunctionStarted"),
        (13, 12, "LambdaFunctionFailed"),
        (14, 13, "TaskStateAborted"),
        (15, 13, "ParallelStateFailed"),
        (16, 15, "ParallelStateExited"),
        (17, 16, "PassStateEntered"),
        (18, 17, "PassStateExited"),
    ]


def test_the_first_iteration_that_fails_aborts_the_others_also_those_that_fail_with_it() -> None:
    processor = branch("T", Type="Task", Resource=FUNCTION)
    machine = Machine(
        {"Type": "Map", "ItemProcessor": processor, "End": True}, function=Function(failing("E"), failing("E"))
    )
    machine.fails([1, 2])
    assert machine.events()[11:] == [
        (12, 10, "LambdaFunctionFailed"),
        (13, 11, "LambdaFunctionFailed"),
        (14, 12, "MapIterationFailed"),
        (15, 12, "TaskStateAborted"),
        (16, 12, "MapIterationAborted"),
        (17, 12, "TaskStateAborted"),
        (18, 12, "MapStateFailed"),
    ]
