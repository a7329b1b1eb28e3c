"""The X-Ray trace header of the request that is being handled, which AWS hands on from service to service."""

from __future__ import annotations

import re
from contextvars import ContextVar

HEADER = "X-Amzn-Trace-Id"

TRACE: ContextVar[str | None] = ContextVar("trace", default=None)

_PART = re.compile(r"(?:^|;)\s*(Root|Parent|Sampled)=([^;\s]+)")


def continued(parent: str, root: str) -> str:
    """Returns the trace header of a part of the current trace, which is unsampled unless the trace says otherwise.

    `root` begins a trace if there is none, and `parent` is used if it has no parent.
    """
    parts = {"Root": root, "Parent": parent, "Sampled": "0", **dict(_PART.findall(TRACE.get() or ""))}
    return ";".join(f"{name}={parts[name]}" for name in ("Root", "Parent", "Sampled"))
