"""The resource types of SQS."""

from __future__ import annotations

import json
from typing import Any

from emulator.common.account import ACCOUNT, arn
from emulator.sqs.records import MAX_RECEIVE_COUNT, SETTINGS, Queue, Redrive
from emulator.template.properties import integer, mapping
from emulator.template.registry import ResourceType, physical_name, without_effect, words
from emulator.template.resources import Resource, Resources

_QUEUE = "AWS::SQS::Queue"


def find_queue(template: Resources, queue_arn: Any) -> Resource | None:
    """Returns the template's queue with this ARN."""
    return template.find(_QUEUE, _arn, queue_arn)


def _url(resource: Resource) -> str:
    return f"{resource.template.addresses.endpoint}/{ACCOUNT}/{resource.name}"


def _arn(resource: Resource) -> str:
    return arn("sqs", resource.name)


def _queue(resource: Resource) -> Queue:
    settings = {
        setting.field: integer(resource.values, name, getattr(Queue, setting.field), setting.least, setting.most)
        for name, setting in SETTINGS.items()
    }
    return Queue(resource.name, **settings, redrive=_redrive(resource))


def _redrive(resource: Resource) -> Redrive | None:
    policy = resource.values.get("RedrivePolicy")
    if isinstance(policy, str):
        policy = json.loads(policy)
    if policy is None:
        return None
    mapping(policy, "RedrivePolicy", "deadLetterTargetArn maxReceiveCount")
    target = policy.get("deadLetterTargetArn")
    if find_queue(resource.template, target) is None:
        raise ValueError(f"RedrivePolicy: expected a queue of this template, was {target}")
    return Redrive(target, integer(policy, "maxReceiveCount", 10, 1, MAX_RECEIVE_COUNT))


TYPES = (
    ResourceType(
        _QUEUE,
        used=words("QueueName RedrivePolicy") | SETTINGS.keys(),
        ignored=words("KmsDataKeyReusePeriodSeconds KmsMasterKeyId RedriveAllowPolicy SqsManagedSseEnabled Tags"),
        ref=_url,
        attributes={"Arn": _arn, "QueueName": physical_name, "QueueUrl": _url},
        build=_queue,
        name="QueueName",
    ),
    without_effect("AWS::SQS::QueuePolicy", physical_name),
)
