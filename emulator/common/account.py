"""The account and region that every ARN of the emulator names."""

from __future__ import annotations

REGION = "us-east-1"
ACCOUNT = "000000000000"


def arn(service: str, resource: str) -> str:
    """`arn:aws:sqs:us-east-1:000000000000:orders` for `("sqs", "orders")`."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
