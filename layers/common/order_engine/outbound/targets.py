"""Which addresses that clients choose may be called: none inside a network, whatever name or form it comes in."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

Address: TypeAlias = IPv4Address | IPv6Address

_MOST_CHARACTERS = 500
_HOST = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]*:[0-9a-f:.]*")

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that is assigned of IPv6. Beyond it are, beside private addresses, IPv4-mapped ones and those of NAT64."""

_NOT_PUBLIC_4 = (
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
    IPv4Network("168.63.129.16/32"),  # a public address that is Azure's metadata
)
_NOT_PUBLIC_6 = (
    IPv6Network("2001::/23"),  # protocols such as Teredo, which carry an IPv4 address
    IPv6Network("2002::/16"),  # 6to4, which does too
    IPv6Network("3fff::/20"),  # documentation; Python knows it since 3.13
)


class Target(NamedTuple):
    """Where a URL points. `path` has the query. `host` is in lower case, an IPv6 address without brackets."""

    secure: bool
    host: str
    port: int
    path: str


class Targets:
    """With `public_only`, a URL must be `https://` on port 443 and lead to public addresses only.

    `resolve` is `socket.getaddrinfo`, or answers like it.
    """

    def __init__(self, public_only: bool, resolve: Callable[..., Iterable[Any]] = socket.getaddrinfo) -> None:
        self._public_only = public_only
        self._resolve = resolve

    def check(self, url: str) -> None:
        """Raises `ValueError`, saying what was expected, if the URL may not be called."""
        self.resolve(self.parse(url))

    def parse(self, url: str) -> Target:
        """Raises `ValueError`, saying what was expected."""
        if not re.fullmatch(f"[!-~]{{1,{_MOST_CHARACTERS}}}", url):
            raise ValueError(f"expected at most {_MOST_CHARACTERS} printable ASCII characters without spaces")
        schemes = ("https",) if self._public_only else ("https", "http")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(f"expected a URL, was {url[:100]!r}") from None
        host = parts.hostname or ""
        if parts.scheme not in schemes or not _HOST.fullmatch(host):
            raise ValueError(f"expected {' or '.join(schemes)}:// and a host, was {url[:100]!r}")
        if "@" in parts.netloc or "#" in url:
            raise ValueError("expected a URL without a user, a password and a fragment")
        secure = parts.scheme == "https"
        port = port if port is not None else 443 if secure else 80
        if self._public_only and port != 443:
            raise ValueError(f"expected port 443, was {port}")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(secure, host, port, path)

    def resolve(self, target: Target) -> list[Address]:
        """The addresses of the host now. Raises `ValueError` if there are none, or one may not be called."""
        try:
            found = self._resolve(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ValueError(f"expected a host that resolves to an address, was {target.host}") from None
        addresses = list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))
        if self._public_only:
            for address in addresses:
                if not is_public(address):
                    raise ValueError(f"expected a host with public addresses only, was {target.host} at {address}")
        return addresses


def is_public(address: Address) -> bool:
    """Whether an address is one of the internet's, and contains no other one that a translator would call instead."""
    if isinstance(address, IPv4Address):
        return address.is_global and not address.is_multicast and not any(address in one for one in _NOT_PUBLIC_4)
    return address in _GLOBAL_UNICAST and address.is_global and not any(address in network for network in _NOT_PUBLIC_6)
