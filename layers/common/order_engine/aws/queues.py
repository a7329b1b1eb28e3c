"""Messages on SQS queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsOrderQueue:
    """An `OrderQueue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        _send(self._client, self._url, {"orderId": str(order_id), "publishedSeq": published_seq})

    def ping(self) -> None:
        """Raises an error of botocore's when the queue does not answer."""
        self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])


class SqsReplayQueue:
    """A `ReplayQueue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def enqueue(self, connection_id: str, client_id: UUID, order_id: UUID) -> None:
        message = {"connectionId": connection_id, "clientId": str(client_id), "orderId": str(order_id)}
        _send(self._client, self._url, message)


def _send(client: SQSClient, url: str, message: dict[str, Any]) -> None:
    client.send_message(QueueUrl=url, MessageBody=json.dumps(message))
