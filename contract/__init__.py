"""Generates the descriptions of the APIs, OpenAPI and AsyncAPI. Not deployed."""

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
