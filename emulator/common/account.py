"""The emulator's AWS account and region."""

from __future__ import annotations

REGION = "us-east-1"
ACCOUNT = "000000000000"


def arn(service: str, resource: str) -> str:
    """Returns an ARN: `arn:aws:sqs:us-east-1:000000000000:orders` for `("sqs", "orders")`."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
