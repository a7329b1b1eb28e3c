"""Loads a stack with the resource types of every service."""

from __future__ import annotations

from pathlib import Path

from emulator.apigateway import resources as apigateway
from emulator.cloudformation import resources as cloudformation
from emulator.lambda_ import resources as lambda_
from emulator.scheduler import resources as scheduler
from emulator.sqs import resources as sqs
from emulator.states import resources as states
from emulator.template import loader
from emulator.template.registry import Addresses, Registry
from emulator.template.stack import Stack

SERVICES = (apigateway, cloudformation, lambda_, scheduler, sqs, states)
REGISTRY = Registry(type_ for service in SERVICES for type_ in service.TYPES)


def load(template: Path, parameters: dict[str, str], name: str = "local", addresses: Addresses | None = None) -> Stack:
    """Returns the stack that the template describes; `template.loader.load` says how. Raises TemplateError."""
    return loader.load(template, parameters, REGISTRY, name, addresses)
