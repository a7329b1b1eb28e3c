"""The API as it is described to others: OpenAPI, AsyncAPI, and what is made from them. Not deployed."""

from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
