"""States: build, submit, confirm, fail."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.aws.observability import logger
from order_engine.bootstrap import services
from order_engine.domain.runs import Run

execution = services.execution()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    logger.set_correlation_id(event["order"]["order_id"])
    run = Run.load(event["order"], event["attempt"])
    match event["step"]:
        case "build":
            run = execution.build(run)
        case "submit":
            run = execution.submit(run)
        case "confirm":
            run = execution.confirm(run)
        case "fail":
            run = execution.fail(run, event["error"])
        case step:
            raise ValueError(f"expected step build, submit, confirm or fail, was {step!r}")
    return run.dump()
