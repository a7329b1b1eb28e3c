"""A stack on AWS: its name in STACK_NAME, a client's key in ORDERS_KEY, and the usual AWS credentials.

The tests do only what a client may do: a few orders on the simulated market.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.targets import Target, setting
from tests.e2e.targets.deployed import STACK, Deployed, cloudformation, simulated


@contextmanager
def opened() -> Iterator[Deployed]:
    key = setting("ORDERS_KEY")
    (stack,) = cloudformation().describe_stacks(StackName=os.environ.get("STACK_NAME", STACK))["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    yield simulated(Deployed(rest=outputs["ApiUrl"], websocket=outputs["WebSocketUrl"], key=key))


TARGET = Target(opened, frozenset())
