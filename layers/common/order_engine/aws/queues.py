"""Messages on SQS queues."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


class SqsOrderQueue:
    """An `OrderQueue`."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        self._client.send_message(QueueUrl=self._url, MessageBody=_order(order_id, published_seq))

    def enqueue_all(self, order_ids: Sequence[UUID]) -> list[UUID]:
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": _order(id)} for number, id in enumerate(order_ids)
        ]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return [order_ids[int(refused["Id"])] for refused in answer.get("Failed", [])]

    def is_empty(self) -> bool:
        attribute: QueueAttributeNameType = "ApproximateNumberOfMessages"
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[attribute])
        return answer["Attributes"][attribute] == "0"

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
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(message))


def _order(id: UUID, published_seq: int = 0) -> str:
    return json.dumps({"orderId": str(id), "publishedSeq": published_seq})
