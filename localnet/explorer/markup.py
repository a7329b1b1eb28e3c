"""HTML in which everything is escaped that is not HTML already."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


def html(template: str, **values: object) -> Html:
    """The template with these values. `{name}` stands for one; an iterable's elements follow one another."""
    return Html(template.format_map({name: _text(value) for name, value in values.items()}))


def _text(value: object) -> str:
    if isinstance(value, Html):
        return value
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return "".join(_text(each) for each in value)
    return escape(str(value))
