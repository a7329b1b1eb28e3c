"""Reads the template's parameters from `samconfig.toml`, as `sam deploy` does."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

from emulator.common.errors import TemplateError
from emulator.template.intrinsics import scalar

DEFAULT_ENVIRONMENT = "default"


def parameter_overrides(template: Path, environment: str | None) -> dict[str, str]:
    """Returns the parameters of an environment, by default `default`, from the file beside the template.

    Raises TemplateError if the file cannot be read, or does not have the given environment.
    """
    path = template.parent / "samconfig.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        document = {}
    except (OSError, ValueError) as error:
        raise TemplateError([f"{path}: {error}"]) from error
    if environment is not None and environment not in document:
        known = ", ".join(name for name, table in document.items() if isinstance(table, dict)) or "none"
        raise TemplateError([f"{path}: expected one of its environments ({known}), was {environment!r}"])
    environment = environment or DEFAULT_ENVIRONMENT
    # The section of the command replaces the whole value of the global one.
    for command in ("deploy", "global"):
        place = f"{environment}.{command}.parameters.parameter_overrides"
        try:
            value: Any = document
            for key in place.split("."):
                if not isinstance(value, dict):
                    raise ValueError(f"expected a table, was {value!r}")
                value = value.get(key, {})
            if value:
                return _parameters(value, template.parent)
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise TemplateError([f"{path}: {place}: {error}"]) from error
    return {}


def _parameters(value: Any, folder: Path) -> dict[str, str]:
    """Returns the parameters of a value. `file://` names a YAML or JSON file in `folder`."""
    match value:
        case str() if value.startswith("file://"):
            return _parameters(yaml.safe_load((folder / value.removeprefix("file://")).read_text()), folder)
        case str():
            return dict(map(_pair, shlex.split(value)))
        case list():
            return {name: given for item in value for name, given in _parameters(item, folder).items()}
        case dict():
            return {name: _text(given) for name, given in value.items()}
    raise ValueError(f"expected a string, a list or a table, was {value!r}")


def _pair(text: str) -> tuple[str, str]:
    key, comma, value = text.partition(",ParameterValue=")
    name, equals, given = (key.removeprefix("ParameterKey="), comma, value) if comma else text.partition("=")
    if not equals or not name or name == "ParameterKey":
        raise ValueError(f"expected NAME=VALUE, was {text!r}")
    return name, given


def _text(value: Any) -> str:
    return ",".join(map(scalar, value)) if isinstance(value, list) else scalar(value)
