"""Runs AWS's own SAM translator on a template."""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from emulator.common.account import REGION
from emulator.common.errors import TemplateError

TRANSFORM = "AWS::Serverless-2016-10-31"

BUCKET = "local"  # the bucket that the translator sees
_PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
}


# The types of SAM that become unsupported resources under other names, and the events that do not.
_REFUSED_TYPES = {"AWS::Serverless::Application", "AWS::Serverless::GraphQLApi", "AWS::Serverless::HttpApi"}
_EVENTS = {
    "AWS::Serverless::Function": {"Api", "SQS", "Schedule", "ScheduleV2"},
    "AWS::Serverless::StateMachine": set[str](),
}
_IMPLICIT_HTTP_API = "ServerlessHttpApi"


def take_unsupported(resources: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Removes the resources and events that the translator would turn into unsupported resources under other names.

    Returns the problems, and the names of resources that the translator does not create now.
    """
    problems = []
    missing = set()
    for logical_id, resource in list(resources.items()):
        kind = resource.get("Type") if isinstance(resource, dict) else None
        if not isinstance(kind, str):
            continue
        if kind in _REFUSED_TYPES:
            problems.append(f"{logical_id} ({kind}): this type of resource is not supported")
            missing.add(logical_id)
            del resources[logical_id]
        properties = resource.get("Properties") if kind in _EVENTS else None
        events = properties.get("Events") if isinstance(properties, dict) else None
        if not isinstance(events, dict):
            continue
        for name, event in list(events.items()):
            type_ = event.get("Type") if isinstance(event, dict) else None
            if isinstance(type_, str) and type_ not in _EVENTS[kind]:
                problems.append(f"{logical_id} ({kind}): Events: {name}: the event type {type_} is not supported")
                missing |= {logical_id + name, _IMPLICIT_HTTP_API}
                del events[name]
    return problems, missing


def take_files(template: dict[str, Any], folder: Path, paths: Mapping[str, str]) -> dict[str, Path]:
    """Replaces each local path by an S3 location, which the translator insists on; returns the paths by S3 key.

    `paths` names the property that may be a path, by resource type; SAM's own types are known.
    """
    paths = {**paths, **_PATHS}
    files: dict[str, Path] = {}
    function_globals = (template.get("Globals") or {}).get("Function") or {}
    places = [(function_globals, "CodeUri", "AWS::Serverless::Function")]
    places += [
        (resource.get("Properties") or {}, paths[resource["Type"]], resource["Type"])
        for resource in template["Resources"].values()
        if resource["Type"] in paths
    ]
    for properties, name, kind in places:
        location = properties.get(name)
        if isinstance(location, str) and "://" not in location:
            key = str(len(files))
            files[key] = (folder / location).resolve()
            if kind.startswith("AWS::Serverless::"):
                properties[name] = {"Bucket": BUCKET, "Key": key}
            else:
                properties[name] = {"S3Bucket": BUCKET, "S3Key": key}
    return files


def translate(template: dict[str, Any], parameters: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    """Returns the translated template. Adds each resource that the translator refuses to `problems` and removes it."""
    with _without_boto3():
        from samtranslator.model.exceptions import ExceptionWithMessage, InvalidDocumentException
        from samtranslator.parser.parser import Parser
        from samtranslator.translator.translator import Translator
    # It warns of features that only AWS's own configuration enables.
    logging.getLogger("samtranslator.feature_toggle").setLevel(logging.ERROR)
    translator = Translator(None, Parser(), boto_session=SimpleNamespace(region_name=REGION))
    try:
        translated: dict[str, Any] = translator.translate(
            copy.deepcopy(template), parameters, passthrough_metadata=True, get_managed_policy_map=dict
        )
    except InvalidDocumentException as error:
        messages = [cause.message for cause in error.causes]
        refused = {getattr(cause, "_logical_id", None) for cause in error.causes}
        refused &= template["Resources"].keys()
        if not refused or refused == template["Resources"].keys():
            raise TemplateError(messages) from error
        problems += messages
        for logical_id in refused:
            del template["Resources"][logical_id]
        return translate(template, parameters, problems)
    except ExceptionWithMessage as error:
        raise TemplateError([error.message]) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise TemplateError([f"the SAM translator cannot read this template: {error!r}"]) from error
    finally:
        translator.metrics.publish()  # it logs a complaint otherwise
    return translated


@contextlib.contextmanager
def _without_boto3() -> Iterator[None]:
    """Hides boto3 from the translator, which would import it for half of the start and never use it here."""
    if "boto3" in sys.modules or "botocore" in sys.modules:
        yield
        return
    needed = {
        "boto3": ["Session"],
        "botocore": [],
        "botocore.client": ["BaseClient"],
        "botocore.config": ["Config"],
        "botocore.exceptions": ["ClientError", "EndpointConnectionError"],
    }
    for name, classes in needed.items():
        module = ModuleType(name)
        module.__dict__.update(dict.fromkeys(classes, type))
        sys.modules[name] = module
    try:
        yield
    finally:
        for name in needed:
            del sys.modules[name]
