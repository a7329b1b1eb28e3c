"""Hides what others could act with: the console shows it to whoever looks over a shoulder."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

MASK = "****"

# An access token is one, and what is to be had for the token that is called tokenIn is not.
_SECRET = re.compile(r"password|secret|credential|(?:key|signature|ticket|token|authorization)s?$", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")
_PARAMETER = re.compile(r"([?&;]|^)([^?&;=\s]+)=([^&;#\s]+)")


def masked(name: str, value: str) -> str:
    """Returns the value, or a mask if its name says that it is a secret. Addresses in it lose their secrets."""
    return MASK if value and _SECRET.search(name) else masked_query(_PASSWORD.sub(MASK, value))


def masked_query(text: str) -> str:
    """Returns a query string, or a text with addresses, whose parameters have masks where their names say secret."""
    return _PARAMETER.sub(
        lambda match: f"{match[1]}{match[2]}={MASK if _SECRET.search(unquote_plus(match[2])) else match[3]}", text
    )
