"""Errors that leave the emulator: to an AWS client, or to whoever starts it."""

from __future__ import annotations


class ApiError(Exception):
    """An AWS service refuses a call. `code` and `message` reach the client as AWS would send them."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class TemplateError(Exception):
    """The template, or a state machine in it, cannot be run. Names every problem and its place at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
