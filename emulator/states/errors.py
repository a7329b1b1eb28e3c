"""The ways in which a state fails."""

from __future__ import annotations


class Failure(Exception):
    """A state fails with an error name and a cause, for `Retry`, `Catch` and the caller of the execution."""

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class EvaluationError(Failure):
    """A field of the definition cannot be applied to the data. The interpreter adds the state to the cause."""


class RuntimeFailure(EvaluationError):
    """`States.Runtime`, which ends the execution regardless of `Retry` and `Catch`."""

    def __init__(self, cause: str) -> None:
        super().__init__("States.Runtime", cause)


def data_limit(name: str) -> Failure:
    """Returns the failure of a state or resource whose data is larger than 256 KiB."""
    return Failure(
        "States.DataLimitExceeded",
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
