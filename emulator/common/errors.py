"""Errors for AWS clients and for the user who starts the emulator."""

from __future__ import annotations


class ApiError(Exception):
    """An AWS service refuses a call. The client gets `code` and `message` as from AWS."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class TemplateError(Exception):
    """The template cannot be run. `problems` names every problem and its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
