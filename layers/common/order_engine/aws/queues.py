"""Messages on SQS queues."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from order_engine.aws.json_api import JsonApi


class SqsOrderQueue:
    """An `OrderQueue`. Every method raises `AwsError`."""

    def __init__(self, sqs: JsonApi, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        self._call("SendMessage", MessageBody=_order(order_id, published_seq))

    def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
        entries = [{"Id": str(id), "MessageBody": _order(id, seq)} for id, seq in published.items()]
        answer = self._call("SendMessageBatch", Entries=entries)
        return [UUID(refused["Id"]) for refused in answer.get("Failed", [])]

    def is_empty(self) -> bool:
        attribute = "ApproximateNumberOfMessages"
        answer = self._call("GetQueueAttributes", AttributeNames=[attribute])
        return bool(answer["Attributes"][attribute] == "0")

    def ping(self) -> None:
        """Raises `AwsError` when the queue does not answer."""
        self._call("GetQueueAttributes", AttributeNames=["QueueArn"])

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._sqs.call(operation, {"QueueUrl": self._url, **request})


class SqsReplayQueue:
    """A `ReplayQueue`. Its method raises `AwsError`."""

    def __init__(self, sqs: JsonApi, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def enqueue(self, connection_id: str, client_id: UUID, order_id: UUID) -> None:
        message = {"connectionId": connection_id, "clientId": str(client_id), "orderId": str(order_id)}
        self._sqs.call("SendMessage", {"QueueUrl": self._url, "MessageBody": json.dumps(message)})


def _order(id: UUID, published_seq: int) -> str:
    return json.dumps({"orderId": str(id), "publishedSeq": published_seq})
