"""Signs requests to AWS, without its SDK: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from hmac import digest
from typing import NamedTuple
from urllib.parse import quote, urlencode


class Credentials(NamedTuple):
    access_key: str
    secret_key: str
    token: str | None = None
    """The session token, for temporary credentials."""


class Signer:
    """Signs with Signature Version 4 for one service other than S3. `now` returns the time in UTC."""

    def __init__(
        self,
        credentials: Credentials,
        service: str,
        region: str,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._credentials = credentials
        self._scope = f"{region}/{service}/aws4_request"
        self._now = now
        self._key = ("", b"")

    def headers(self, method: str, host: str, path: str, body: bytes, headers: Mapping[str, str]) -> Mapping[str, str]:
        """The headers to send with the request: these, which are named in lower case, and those of its signature.

        `host` and `path` are what the request says; `path` is percent-encoded and has no query.
        """
        time = f"{self._now():%Y%m%dT%H%M%SZ}"
        sent = {**headers, "host": host, "x-amz-date": time}
        if self._credentials.token:
            sent["x-amz-security-token"] = self._credentials.token
        names = sorted(sent)
        lines = "".join([f"{name}:{sent[name]}\n" for name in names])
        signed, scope = ";".join(names), f"{time[:8]}/{self._scope}"
        # The path is encoded a second time. The empty line is the query.
        request = [method, quote(path, safe="/~"), "", lines, signed, sha256(body).hexdigest()]
        sent["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._credentials.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={self._signature(time, scope, request)}"
        )
        return sent

    def presigned(self, host: str, query: Mapping[str, str], seconds: int) -> str:
        """The presigned URL, without its scheme, of a GET of `/` on `host`, valid for `seconds`."""
        time = f"{self._now():%Y%m%dT%H%M%SZ}"
        scope = f"{time[:8]}/{self._scope}"
        query = {
            **query,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{self._credentials.access_key}/{scope}",
            "X-Amz-Date": time,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": "host",
        }
        if self._credentials.token:
            query["X-Amz-Security-Token"] = self._credentials.token
        given = urlencode(query, quote_via=quote, safe="~")
        request = ["GET", "/", "&".join(sorted(given.split("&"))), f"host:{host}\n", "host", sha256(b"").hexdigest()]
        return f"{host}/?{given}&X-Amz-Signature={self._signature(time, scope, request)}"

    def _signature(self, time: str, scope: str, request: list[str]) -> str:
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n" + sha256("\n".join(request).encode()).hexdigest()
        return digest(self._signing_key(scope), text.encode(), sha256).hex()

    def _signing_key(self, scope: str) -> bytes:
        """The key of a scope. It is kept, because a scope lasts for a day."""
        kept_scope, key = self._key
        if kept_scope != scope:
            key = b"AWS4" + self._credentials.secret_key.encode()
            for part in scope.split("/"):
                key = digest(key, part.encode(), sha256)
            self._key = (scope, key)
        return key
