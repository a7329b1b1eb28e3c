"""AWS: queues, the state machine, connections, passwords by IAM, and, by the SDK's clients, secrets and keys."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from order_engine.bootstrap import settings

if TYPE_CHECKING:
    from botocore.session import Session

    from order_engine.aws.connections import ApiGatewayConnections
    from order_engine.aws.endpoints import Endpoint
    from order_engine.aws.functions import LambdaFunction, LambdaSender
    from order_engine.aws.iam_tokens import IamTokens
    from order_engine.aws.json_api import JsonApi
    from order_engine.aws.kms import KmsKey
    from order_engine.aws.queues import SqsOrderQueue, SqsReplayQueue
    from order_engine.aws.signing import Credentials
    from order_engine.aws.state_machine import ExpressStateMachine


QUEUE_SECONDS = 3.0
"""How long a call to a queue may wait for its answer."""

PUSH_SECONDS = 1.0
"""How long a call to a client's connection may wait for its answer."""

WAKE_SECONDS = 1.0
"""How long the call that wakes a function may wait for its answer."""

SEND_SECONDS = 25.0
"""How long the call that sends a message to a webhook may wait for its answer: longer than the function may run."""


@cache
def order_queue() -> SqsOrderQueue:
    from order_engine.aws.queues import SqsOrderQueue

    return SqsOrderQueue(_sqs(), settings.required("ORDER_QUEUE_URL"))


@cache
def replay_queue() -> SqsReplayQueue:
    from order_engine.aws.queues import SqsReplayQueue

    return SqsReplayQueue(_sqs(), settings.required("REPLAY_QUEUE_URL"))


@cache
def state_machine() -> ExpressStateMachine:
    from order_engine.aws.json_api import JsonApi
    from order_engine.aws.state_machine import ExpressStateMachine
    from order_engine.domain.timing import EXECUTION_SECONDS

    endpoint = _endpoint("states", _regional("sync-states", "SFN"), EXECUTION_SECONDS + 5)
    states = JsonApi(endpoint, "AWSStepFunctions", attempts=1)
    return ExpressStateMachine(states, settings.required("STATE_MACHINE_ARN"))


@cache
def connections() -> ApiGatewayConnections:
    from order_engine.aws.connections import ApiGatewayConnections

    return ApiGatewayConnections(_endpoint("execute-api", settings.required("CONNECTIONS_URL"), PUSH_SECONDS))


@cache
def watch_function() -> LambdaFunction:
    return _function("WATCH_FUNCTION", WAKE_SECONDS)


@cache
def deliver_function() -> LambdaFunction:
    return _function("DELIVER_FUNCTION", WAKE_SECONDS)


@cache
def sender() -> LambdaSender:
    from order_engine.aws.functions import LambdaSender

    return LambdaSender(_function("POST_FUNCTION", SEND_SECONDS))


def _function(setting: str, seconds: float) -> LambdaFunction:
    from order_engine.aws.functions import LambdaFunction

    # By IPv6, since Lambda has no endpoint in the network that the stack creates.
    endpoint = _endpoint("lambda", _regional("lambda", "LAMBDA", dualstack=True), seconds)
    return LambdaFunction(endpoint, settings.required(setting))


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

    return read_secret(_client("secretsmanager"), arn)


@cache
def kms_key(arn: str) -> KmsKey:
    from order_engine.aws.kms import KmsKey

    return KmsKey(_client("kms"), arn)


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
def _sqs() -> JsonApi:
    from order_engine.aws.json_api import JsonApi

    return JsonApi(_endpoint("sqs", _regional("sqs", "SQS"), QUEUE_SECONDS), "AmazonSQS", attempts=2)


def _endpoint(service: str, url: str, seconds: float) -> Endpoint:
    from order_engine.aws.endpoints import Endpoint
    from order_engine.aws.signing import Signer

    return Endpoint(url, Signer(credentials(), service, settings.required("AWS_REGION")), seconds)


def _regional(host: str, service_id: str, dualstack: bool = False) -> str:
    """The URL of a service: the variables of AWS's SDKs say it, or else it is AWS's in this region.

    A `dualstack` one has addresses of IPv6 too.
    """
    for name in (f"AWS_ENDPOINT_URL_{service_id}", "AWS_ENDPOINT_URL"):
        if url := settings.optional(name):
            return url
    region = settings.required("AWS_REGION")
    if region.startswith("cn-"):
        return f"https://{host}.{region}.{'api.amazonwebservices' if dualstack else 'amazonaws'}.com.cn"
    return f"https://{host}.{region}.{'api.aws' if dualstack else 'amazonaws.com'}"


@cache
def _session() -> Session:
    from botocore.session import get_session

    return get_session()


@cache
def _client(service: str) -> Any:
    """A client of the SDK's, for what no order waits for at every step.

    By IPv6, since these services have no endpoint in the network that the stack creates.
    """
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2, "mode": "standard"}
    config = Config(connect_timeout=1, read_timeout=3, retries=retries, use_dualstack_endpoint=True)
    return _session().create_client(service, config=config)
