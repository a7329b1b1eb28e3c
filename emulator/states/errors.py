"""How a state fails."""

from __future__ import annotations


class Failure(Exception):
    """A state failed with an error name and a cause, as `Retry`, `Catch` and the execution's caller see them."""

    def __init__(self, error: str | None, cause: str | None) -> None:
        super().__init__(f"{error}: {cause}")
        self.error = error
        self.cause = cause


class EvaluationError(Failure):
    """A field of the definition could not be applied to the data. The interpreter adds to the cause in which state."""


class RuntimeFailure(EvaluationError):
    """`States.Runtime`: ends the execution, whatever `Retry` and `Catch` say."""

    def __init__(self, cause: str) -> None:
        super().__init__("States.Runtime", cause)


def data_limit(name: str) -> Failure:
    """`name` is the state or resource whose data is larger than 256 KiB."""
    return Failure(
        "States.DataLimitExceeded",
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of bytes service limit.",
    )
