"""The resource types of Step Functions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from emulator.common.account import arn
from emulator.common.text import words
from emulator.states import language
from emulator.states.encoding import encode
from emulator.states.records import StateMachine
from emulator.template.intrinsics import parse_yaml, scalar
from emulator.template.registry import ResourceType, physical_name
from emulator.template.resources import Resource


def _arn(resource: Resource) -> str:
    return arn("states", f"stateMachine:{resource.name}")


def _state_machine(resource: Resource) -> StateMachine:
    values = resource.values
    kind = values.get("StateMachineType", "STANDARD")
    if kind not in ("STANDARD", "EXPRESS"):
        raise ValueError(f"Type: expected STANDARD or EXPRESS, was {kind}")
    if "DefinitionS3Location" in values:
        path = resource.template.file(values["DefinitionS3Location"], "DefinitionUri")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"DefinitionUri: {error}") from error
    else:
        path = Path("definition.json")
        text = values.get("DefinitionString") or json.dumps(values.get("Definition"))
    substitutions = values.get("DefinitionSubstitutions", {})
    missing = {name for name in re.findall(r"\$\{(\w+)\}", text) if name not in substitutions}
    if missing:
        raise ValueError(f"DefinitionSubstitutions: {', '.join(sorted(missing))} is used, but not given")
    texts = {}
    for name, value in substitutions.items():
        try:
            texts[name] = scalar(value)
        except ValueError as error:
            raise ValueError(f"DefinitionSubstitutions: {name}: {error}") from None
    text = re.sub(r"\$\{(\w+)\}", lambda match: texts[match[1]], text)
    yaml_ = path.suffix in (".yaml", ".yml")
    try:
        definition = parse_yaml(text) if yaml_ else json.loads(text)
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise ValueError(f"the definition: {error}") from error
    if not isinstance(definition, dict):
        raise ValueError(f"the definition: expected an object, was {definition!r:.100}")
    language.parse(definition)
    source = encode(definition) if yaml_ else text
    return StateMachine(resource.name, definition, kind, source, values.get("RoleArn", ""))


TYPES = (
    ResourceType(
        "AWS::StepFunctions::StateMachine",
        used=words(
            "Definition.** DefinitionS3Location.Bucket DefinitionS3Location.Key DefinitionString"
            " DefinitionSubstitutions.* RoleArn StateMachineName StateMachineType"
        ),
        ignored=words("EncryptionConfiguration LoggingConfiguration Tags TracingConfiguration"),
        ref=_arn,
        attributes={"Arn": _arn, "Name": physical_name},
        build=_state_machine,
        name="StateMachineName",
        path="DefinitionS3Location",
    ),
)
