"""Checks the definition of a state machine, and compiles its paths and templates."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.common.errors import TemplateError
from emulator.lambda_.names import FunctionName
from emulator.states.choices import Predicate, compile_rule, timestamp
from emulator.states.encoding import encode
from emulator.states.fields import Fields
from emulator.states.model import (
    Catcher,
    Choice,
    Fail,
    Graph,
    Machine,
    Map,
    Parallel,
    Pass,
    Retrier,
    State,
    Succeed,
    Task,
    Wait,
)
from emulator.states.paths import Expression, ResultPath, selector
from emulator.states.templates import compile_template, compile_value

_MAX_SECONDS = 99_999_999
_MAX_NAME = 80

_SERVICE_ARN = re.compile(r"arn:aws[\w-]*:states:::(lambda:invoke|sqs:sendMessage)")
_SERVICE_PARAMETERS = {
    "lambda:invoke": ({"FunctionName"}, {"FunctionName", "Payload"}),
    "sqs:sendMessage": (
        {"QueueUrl", "MessageBody"},
        {"QueueUrl", "MessageBody", "DelaySeconds", "MessageAttributes"},
    ),
}


@dataclass(slots=True)
class _Reader:
    problems: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)


def parse(definition: Any) -> Machine:
    """Returns the machine that a JSON document describes. Raises TemplateError with every problem in it."""
    reader = _Reader()
    fields = Fields(definition, "", reader.problems)
    fields.text("Comment")
    fields.text("Version", one_of=("1.0",))
    timeout = fields.integer("TimeoutSeconds", 1, _MAX_SECONDS)
    graph = _graph(fields, reader)
    fields.finish()
    if reader.problems:
        raise TemplateError(reader.problems)
    return Machine(graph, timeout)


def _graph(fields: Fields, reader: _Reader) -> Graph:
    fields.text("QueryLanguage", one_of=("JSONPath",))
    start = fields.text("StartAt", required=True) or ""
    states: dict[str, State] = {}
    targets: dict[str, list[str]] = {}
    documents = fields.take("States", required=True)
    if documents is not None and (not isinstance(documents, dict) or not documents):
        fields.problem("States", f"expected an object with at least one state, was {encode(documents)}")
        documents = None
    for name, document in (documents or {}).items():
        inner = Fields(document, f"{fields.place_of('States')}.{name}", reader.problems)
        if len(name) > _MAX_NAME:
            reader.problems.append(f"{inner.place}: expected a name of at most {_MAX_NAME} characters")
        if name in reader.names:
            reader.problems.append(f"{inner.place}: there is another state of this name in the machine")
        reader.names.add(name)
        targets[name] = []
        if (state := _state(name, inner, reader)) is not None:
            states[name] = state
        targets[name] = inner.targets
    if documents is not None:
        _check_transitions(fields, start, targets)
    return Graph(start, states)


def _check_transitions(fields: Fields, start: str, targets: dict[str, list[str]]) -> None:
    if start and start not in targets:
        fields.problem("StartAt", f"expected the name of a state, was {encode(start)}")
        return
    reached, ahead = set(), [start]
    while ahead:
        name = ahead.pop()
        if name in targets and name not in reached:
            reached.add(name)
            ahead += targets[name]
    for name, names in targets.items():
        place = f"{fields.place_of('States')}.{name}"
        fields.problems.extend(
            f"{place}: leads to {encode(target)}, which is not a state here"
            for target in names
            if target not in targets
        )
        if start and name not in reached:
            fields.problems.append(f"{place}: cannot be reached from StartAt")


def _state(name: str, fields: Fields, reader: _Reader) -> State | None:
    kind = fields.text("Type", required=True, one_of=tuple(_STATES))
    if kind is None:
        return None
    fields.text("Comment")
    fields.text("QueryLanguage", one_of=("JSONPath",))
    state = _STATES[kind](name, fields, reader)
    fields.finish()
    return state


def _common(name: str, fields: Fields, *, ends: bool = True) -> dict[str, Any]:
    common: dict[str, Any] = {
        "name": name,
        "input": _select(fields, "InputPath"),
        "output": _select(fields, "OutputPath"),
    }
    if ends:
        common["next"] = _next(fields)
    return common


def _next(fields: Fields) -> str | None:
    following = fields.text("Next")
    end = fields.boolean("End")
    if (following is None) == (end is not True):
        fields.problem(None, "expected either Next or End: true")
    if following is not None:
        fields.targets.append(following)
    return following


def _select(fields: Fields, name: str) -> Expression | None:
    """Returns the field's path. `null` selects an empty object."""
    path = fields.take(name, default="$")
    if path is None:
        return lambda data, context: {}
    return fields.compiled(name, path, selector)


def _result_path(fields: Fields, name: str = "ResultPath") -> ResultPath | None:
    """Returns the field's path, or None for `null`, which discards the result."""
    path = fields.take(name, default="$")
    return None if path is None else fields.compiled(name, path, ResultPath)


def _template(fields: Fields, name: str) -> Expression | None:
    value = fields.take(name)
    return None if value is None else compile_template(value, fields.place_of(name), fields.problems)


def _pass(name: str, fields: Fields, reader: _Reader) -> State:
    result = None
    if fields.has("Result"):
        result = _constant(fields.take("Result"))
    return Pass(
        **_common(name, fields),
        parameters=_template(fields, "Parameters"),
        result=result,
        result_path=_result_path(fields),
    )


def _constant(value: Any) -> Expression:
    return lambda data, context: value


def _succeed(name: str, fields: Fields, reader: _Reader) -> State:
    return Succeed(**_common(name, fields, ends=False))


def _fail(name: str, fields: Fields, reader: _Reader) -> State:
    return Fail(name=name, error=_text_or_path(fields, "Error"), cause=_text_or_path(fields, "Cause"))


def _text_or_path(fields: Fields, name: str) -> Expression | None:
    text = fields.text(name)
    path = fields.text(f"{name}Path")
    if path is not None:
        if text is not None:
            fields.problem(name, f"expected either {name} or {name}Path")
        return fields.compiled(f"{name}Path", path, lambda path: compile_value(path, f"{name}Path"))
    return None if text is None else _constant(text)


def _wait(name: str, fields: Fields, reader: _Reader) -> State:
    common = _common(name, fields)
    kinds: tuple[Literal["Seconds", "SecondsPath", "Timestamp", "TimestampPath"], ...] = (
        "Seconds",
        "SecondsPath",
        "Timestamp",
        "TimestampPath",
    )
    given = [kind for kind in kinds if fields.has(kind)]
    if len(given) != 1:
        fields.problem(None, f"expected one of {', '.join(kinds)}, was {', '.join(given) or 'none'}")
        for kind in given:
            fields.take(kind)
        return Wait(**common, kind="Seconds", value=None, text="")
    kind = given[0]
    if kind == "Seconds":
        return Wait(**common, kind=kind, value=_constant(fields.integer(kind, 0, _MAX_SECONDS)), text="")
    text = fields.text(kind) or ""
    if kind == "Timestamp":
        if timestamp(text) is None:
            fields.problem(kind, f"expected a timestamp such as 2026-01-31T12:00:00Z, was {encode(text)}")
        return Wait(**common, kind=kind, value=_constant(text), text=text)
    return Wait(**common, kind=kind, value=fields.compiled(kind, text, selector), text=text)


def _choice(name: str, fields: Fields, reader: _Reader) -> State:
    rules: list[tuple[Predicate, str]] = []
    for rule in fields.children("Choices", required=True):
        following = rule.text("Next", required=True)
        predicate = compile_rule(rule.document, rule.place, rule.problems, ignore=("Next",))
        if following is not None:
            fields.targets.append(following)
        if predicate is not None and following is not None:
            rules.append((predicate, following))
    default = fields.text("Default")
    if default is not None:
        fields.targets.append(default)
    return Choice(**_common(name, fields, ends=False), rules=tuple(rules), default=default)


def _attempted(name: str, fields: Fields) -> dict[str, Any]:
    return {
        **_common(name, fields),
        "selector": _template(fields, "ResultSelector"),
        "result_path": _result_path(fields),
        "retry": tuple(_retrier(retrier) for retrier in _handlers(fields, "Retry")),
        "catch": tuple(_catcher(catcher, fields) for catcher in _handlers(fields, "Catch")),
    }


def _handlers(fields: Fields, name: str) -> list[Fields]:
    handlers = fields.children(name)
    for handler in handlers[:-1]:
        if "States.ALL" in _names(handler):
            handler.problem("ErrorEquals", f"expected States.ALL in the last of {name} only")
    return handlers


def _names(fields: Fields) -> list[str]:
    names = fields.document.get("ErrorEquals")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _errors(fields: Fields) -> frozenset[str]:
    value = fields.take("ErrorEquals", required=True)
    names = _names(fields)
    if value is not None and (not names or names != value):
        fields.problem("ErrorEquals", f"expected a list of error names, was {encode(value)}")
    if "States.ALL" in names and len(names) > 1:
        fields.problem("ErrorEquals", "expected States.ALL to stand alone")
    return frozenset(names)


def _retrier(fields: Fields) -> Retrier:
    fields.text("Comment")
    interval = fields.integer("IntervalSeconds", 1, _MAX_SECONDS, default=1)
    max_delay = fields.integer("MaxDelaySeconds", 1, 31_622_400)
    if interval is not None and max_delay is not None and max_delay <= interval:
        fields.problem("MaxDelaySeconds", f"expected more than IntervalSeconds ({interval}), was {max_delay}")
    retrier = Retrier(
        errors=_errors(fields),
        interval=interval or 1,
        max_attempts=_or(fields.integer("MaxAttempts", 0, _MAX_SECONDS, default=3), 3),
        backoff=fields.number("BackoffRate", 1, default=2.0) or 2.0,
        max_delay=max_delay,
        jitter=fields.text("JitterStrategy", one_of=("FULL", "NONE")) == "FULL",
    )
    fields.finish()
    return retrier


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _catcher(fields: Fields, state: Fields) -> Catcher:
    fields.text("Comment")
    following = fields.text("Next", required=True) or ""
    if following:
        state.targets.append(following)
    catcher = Catcher(_errors(fields), following, _result_path(fields))
    fields.finish()
    return catcher


def _task(name: str, fields: Fields, reader: _Reader) -> State:
    resource = fields.text("Resource", required=True) or ""
    service: Literal["lambda", "lambda:invoke", "sqs:sendMessage"] = "lambda"
    if match := _SERVICE_ARN.fullmatch(resource):
        service = "lambda:invoke" if match[1] == "lambda:invoke" else "sqs:sendMessage"
        _check_service_parameters(fields, match[1])
    elif resource and not _is_function_arn(resource):
        fields.problem(
            "Resource",
            "expected a Lambda function's ARN, arn:aws:states:::lambda:invoke or arn:aws:states:::sqs:sendMessage, "
            f"was {encode(resource)}",
        )
    timeout, seconds = _seconds(fields, "TimeoutSeconds")
    # Functions and messages send no heartbeats, so that this is only checked.
    _, heartbeat = _seconds(fields, "HeartbeatSeconds")
    if seconds is not None and heartbeat is not None and heartbeat >= seconds:
        fields.problem("HeartbeatSeconds", f"expected less than TimeoutSeconds ({seconds}), was {heartbeat}")
    return Task(
        **_attempted(name, fields),
        parameters=_template(fields, "Parameters"),
        resource=resource,
        service=service,
        timeout=timeout,
    )


def _is_function_arn(resource: str) -> bool:
    try:
        FunctionName.parse(resource)
    except ValueError:
        return False
    return resource.startswith("arn:")


def _check_service_parameters(fields: Fields, service: str) -> None:
    required, known = _SERVICE_PARAMETERS[service]
    parameters = fields.document.get("Parameters")
    if not isinstance(parameters, dict):
        fields.problem("Parameters", f"expected an object with {', '.join(sorted(required))}")
        return
    names = {name.removesuffix(".$") for name in parameters}
    for name in sorted(required - names):
        fields.problem("Parameters", f"expected {name}")
    for name in sorted(names - known):
        fields.problem("Parameters", f"{name} is not supported")


def _seconds(fields: Fields, name: str) -> tuple[Expression | None, int | None]:
    """Returns the seconds of the field or of its `…Path`, and the number if it is constant."""
    seconds = fields.integer(name, 1, _MAX_SECONDS)
    path = fields.text(f"{name}Path")
    if path is not None:
        if seconds is not None:
            fields.problem(name, f"expected either {name} or {name}Path")
        return fields.compiled(f"{name}Path", path, selector), None
    return (None, None) if seconds is None else (_constant(seconds), seconds)


def _parallel(name: str, fields: Fields, reader: _Reader) -> State:
    branches = []
    for branch in fields.children("Branches", required=True):
        branch.text("Comment")
        branches.append(_graph(branch, reader))
        branch.finish()
    return Parallel(**_attempted(name, fields), parameters=_template(fields, "Parameters"), branches=tuple(branches))


def _map(name: str, fields: Fields, reader: _Reader) -> State:
    processor = _one_of(fields, "ItemProcessor", "Iterator")
    item_selector = _one_of(fields, "ItemSelector", "Parameters")
    items_text = fields.text("ItemsPath") or "$"
    limit = fields.integer("MaxConcurrency", 0, _MAX_SECONDS)
    limit_path = fields.text("MaxConcurrencyPath")
    limit_value = None if limit_path is None else fields.compiled("MaxConcurrencyPath", limit_path, selector)
    if limit is not None and limit_path is not None:
        fields.problem("MaxConcurrency", "expected either MaxConcurrency or MaxConcurrencyPath")
    return Map(
        **_attempted(name, fields),
        parameters=None,
        items=fields.compiled("ItemsPath", items_text, selector),
        items_text=items_text,
        item_selector=_template(fields, item_selector),
        processor=_processor(fields, processor, reader),
        max_concurrency=limit_value or _constant(limit or 0),
        max_concurrency_text=limit_path or "",
    )


def _one_of(fields: Fields, name: str, older: str) -> str:
    if fields.has(name) and fields.has(older):
        fields.take(older)
        fields.problem(older, f"expected either {name} or {older}")
    return older if fields.has(older) and not fields.has(name) else name


def _processor(fields: Fields, name: str, reader: _Reader) -> Graph:
    processor = fields.child(name)
    if processor is None:
        return Graph("", {})
    config = processor.child("ProcessorConfig", required=False)
    if config is not None:
        config.text("Mode", one_of=("INLINE",))
        config.finish()
    processor.text("Comment")
    graph = _graph(processor, reader)
    processor.finish()
    return graph


_STATES: dict[str, Callable[[str, Fields, _Reader], State]] = {
    "Task": _task,
    "Choice": _choice,
    "Wait": _wait,
    "Pass": _pass,
    "Succeed": _succeed,
    "Fail": _fail,
    "Parallel": _parallel,
    "Map": _map,
}
