"""AWS KMS and Secrets Manager, each with what a wallet needs of it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.http_server import serving


@dataclass
class WalletKeys:
    """Keys of Ed25519 and secrets, by ARN. `called` holds the operation and the ARN of each call."""

    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    secrets: dict[str, str | bytes] = field(default_factory=dict)
    called: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body of an answer."""
        arn = request.get("KeyId") or request["SecretId"]
        self.called.append((operation, arn))
        if operation == "Sign" and arn in self.keys:
            assert (request["MessageType"], request["SigningAlgorithm"]) == ("RAW", "ED25519_SHA_512")
            signature = self.keys[arn].sign(b64decode(request["Message"]))
            return 200, {"KeyId": arn, "Signature": b64encode(signature).decode()}
        if operation == "GetSecretValue" and arn in self.secrets:
            secret = self.secrets[arn]
            held = {"SecretString": secret} if isinstance(secret, str) else {"SecretBinary": b64encode(secret).decode()}
            return 200, {"ARN": arn, **held}
        return 400, {"__type": "AccessDeniedException", "message": f"not authorized to perform {operation}"}


@contextmanager
def wallet_keys() -> Iterator[WalletKeys]:
    aws = WalletKeys()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, answer = aws.answer(self.headers["X-Amz-Target"].partition(".")[2], request)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    with serving(Handler) as address:
        aws.url = f"http://{address}"
        yield aws
