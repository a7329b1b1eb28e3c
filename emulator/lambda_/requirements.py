"""Finds which installed packages a function has on AWS: what its requirements.txt files name, and Lambda's own.

Markers other than extras are taken as true: a package that they leave out on AWS counts if it is installed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

# Lambda's Python runtimes bring these and what they need.
_LAMBDA = ("awslambdaric", "boto3")

_REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?")
_EXTRA = re.compile(r"""\bextra\s*==\s*["']([^"']+)["']""")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][\w.-]*)")
_INCLUDE = re.compile(r"(?:-r|--requirement)[\s=]+(\S+)")


class Provided(NamedTuple):
    """The normalized names of distributions, and their top-level modules."""

    distributions: tuple[str, ...]
    modules: tuple[str, ...]


def provided(files: Iterable[Path]) -> Provided:
    """Returns what the requirements files name, with all that it needs, as far as it is installed here."""
    wanted = {(name, frozenset[str]()) for name in _LAMBDA}
    for file in files:
        wanted.update(_named(file, set()))
    distributions = _with_dependencies(wanted)
    return Provided(tuple(sorted(distributions)), tuple(sorted(set().union(*map(_modules, distributions)))))


def _named(file: Path, seen: set[Path]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yields the names and extras of a requirements file and of those that it includes."""
    if file in seen or not file.is_file():
        return
    seen.add(file)
    for line in file.read_text().replace("\\\n", " ").splitlines():
        text = line.strip()
        if included := _INCLUDE.match(text):
            yield from _named(file.parent / included[1], seen)
        elif egg := _EGG.search(text):
            yield _normalized(egg[1]), frozenset()
        elif matched := _REQUIREMENT.match(text):
            yield _normalized(matched[1]), _extras(matched[2])


def _with_dependencies(wanted: set[tuple[str, frozenset[str]]]) -> set[str]:
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        name, extras = item = wanted.pop()
        seen.add(item)
        for dependency, needed_by, of in _dependencies(name):
            if (needed_by is None or needed_by in extras) and (dependency, of) not in seen:
                wanted.add((dependency, of))
    return {name for name, _ in seen}


@cache
def _dependencies(name: str) -> list[tuple[str, str | None, frozenset[str]]]:
    """Returns the names that a distribution needs, the extra that needs each, and the extras of each."""
    try:
        requirements = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return []
    found = []
    for requirement in requirements:
        extra = _EXTRA.search(requirement)
        if matched := _REQUIREMENT.match(requirement):
            found.append((_normalized(matched[1]), _normalized(extra[1]) if extra else None, _extras(matched[2])))
    return found


@cache
def _modules(name: str) -> frozenset[str]:
    """Returns the top-level modules of a distribution, none if it is not installed."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return frozenset()
    names = set((distribution.read_text("top_level.txt") or "").split())
    for line in (distribution.read_text("RECORD") or "").splitlines():
        folder, separator, _ = line.partition(",")[0].partition("/")
        names.add(folder if separator else folder.partition(".")[0])
    return frozenset(filter(str.isidentifier, names))


def _extras(text: str | None) -> frozenset[str]:
    return frozenset(_normalized(extra.strip()) for extra in (text or "").split(",") if extra.strip())


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
