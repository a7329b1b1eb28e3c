"""Generates the descriptions of the APIs, OpenAPI and AsyncAPI. Not deployed."""

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
DOCS = _ROOT / "docs"
VERSION: str = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["version"]
"""Of the engine, both APIs, the client and the emulator."""
