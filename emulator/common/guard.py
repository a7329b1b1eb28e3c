"""Refuses the requests of web pages to the ports that trust every caller.

A browser lets any page send simple POSTs to this machine, and a page whose host name is rebound to 127.0.0.1 may also
read the answers. Both give themselves away: by an Origin or Sec-Fetch-Site, or by the Host.
"""

from __future__ import annotations

import re

from aiohttp import web

from emulator.common.errors import ApiError

# Containers reach this machine as host.docker.internal. LocalStack's public name resolves to 127.0.0.1.
_HOST = re.compile(
    r"(([\w-]+\.)*localhost(\.localstack\.cloud)?|127(\.\d{1,3}){3}|\[::1\]|host\.docker\.internal)(:\d+)?",
    re.ASCII | re.IGNORECASE,
)


def check_caller(request: web.BaseRequest) -> None:
    """Raises ApiError for a foreign Host, and for a page of another origin than this server's own."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    if not _HOST.fullmatch(host):
        raise _denied(f"expected a Host of this machine, such as localhost:4566, was {host[:60]!r}")
    if origin is not None and origin.lower() != f"http://{host.lower()}":
        raise _denied(f"expected no Origin, or http://{host}, was {origin[:60]!r}")
    # A page also sends GETs without an Origin. Following a link to the console is fine.
    site, mode = request.headers.get("Sec-Fetch-Site", "none"), request.headers.get("Sec-Fetch-Mode")
    if site not in ("none", "same-origin") and mode != "navigate":
        raise _denied(f"expected no request of another page, was one from a {site} page")


def _denied(message: str) -> ApiError:
    return ApiError("AccessDeniedException", message, 403)
