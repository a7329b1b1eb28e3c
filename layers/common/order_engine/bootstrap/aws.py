"""AWS: the SDK's clients, queues, the state machine, connections, passwords by IAM, secrets and keys."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from order_engine.bootstrap import settings

if TYPE_CHECKING:
    from botocore.session import Session

    from order_engine.aws.connections import ApiGatewayConnections
    from order_engine.aws.iam_tokens import IamTokens
    from order_engine.aws.kms import KmsKey
    from order_engine.aws.queues import SqsOrderQueue, SqsReplayQueue
    from order_engine.aws.signing import Credentials
    from order_engine.aws.state_machine import ExpressStateMachine


@cache
def order_queue() -> SqsOrderQueue:
    from order_engine.aws.queues import SqsOrderQueue

    return SqsOrderQueue(_client("sqs"), settings.required("ORDER_QUEUE_URL"))


@cache
def replay_queue() -> SqsReplayQueue:
    from order_engine.aws.queues import SqsReplayQueue

    return SqsReplayQueue(_client("sqs"), settings.required("REPLAY_QUEUE_URL"))


@cache
def state_machine() -> ExpressStateMachine:
    from order_engine.aws.state_machine import ExpressStateMachine
    from order_engine.domain.timing import EXECUTION_SECONDS

    # One attempt: a second call would be a second execution.
    client = _client("stepfunctions", read_timeout=EXECUTION_SECONDS + 5, attempts=1)
    return ExpressStateMachine(client, settings.required("STATE_MACHINE_ARN"))


@cache
def connections() -> ApiGatewayConnections:
    from order_engine.aws.connections import ApiGatewayConnections
    from order_engine.services.notifications import AT_ONCE

    url, region = settings.required("CONNECTIONS_URL"), settings.required("AWS_REGION")
    return ApiGatewayConnections(url, credentials(), region, AT_ONCE)


@cache
def iam_tokens() -> IamTokens:
    from order_engine.aws.iam_tokens import IamTokens

    return IamTokens(credentials(), settings.required("AWS_REGION"))


@cache
def secret(arn: str) -> str:
    """The text of a secret, as it is when this environment first reads it.

    Raises `VenueUnavailable` if AWS does not serve it, and `RuntimeError` for one that holds bytes.
    """
    from order_engine.aws.secrets import read_secret

    return read_secret(_client("secretsmanager", by_ipv6=True), arn)


@cache
def kms_key(arn: str) -> KmsKey:
    from order_engine.aws.kms import KmsKey

    return KmsKey(_client("kms", by_ipv6=True), arn)


@cache
def credentials() -> Credentials:
    from order_engine.aws.signing import Credentials

    # Lambda sets them, and they last as long as the environment.
    return Credentials(
        settings.required("AWS_ACCESS_KEY_ID"),
        settings.required("AWS_SECRET_ACCESS_KEY"),
        settings.optional("AWS_SESSION_TOKEN"),
    )


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()


@cache
def _client(service: str, read_timeout: float = 3, attempts: int = 2, by_ipv6: bool = False) -> Any:
    """A client of the SDK's. `by_ipv6` is for a service without an endpoint in the network that the stack creates."""
    from botocore.config import Config

    retries: Any = {"total_max_attempts": attempts, "mode": "standard"}
    config = Config(connect_timeout=1, read_timeout=read_timeout, retries=retries, use_dualstack_endpoint=by_ipv6)
    return _session().create_client(service, config=config)
