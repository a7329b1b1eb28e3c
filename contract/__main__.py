"""Writes docs/openapi.json, docs/asyncapi.json, and the models of the Python client."""

from __future__ import annotations

import json
from typing import Any

from contract import DOCS
from contract.asyncapi import asyncapi
from contract.client_models import MODELS, client_models
from contract.openapi import openapi


def text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (DOCS / "openapi.json").write_text(text(openapi()))
    (DOCS / "asyncapi.json").write_text(text(asyncapi()))
    MODELS.write_text(client_models(openapi()))
