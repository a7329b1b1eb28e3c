"""The resource types of SQS."""

from __future__ import annotations

import json
from typing import Any

from emulator.common.account import ACCOUNT, arn
from emulator.common.text import words
from emulator.sqs.records import MAX_RECEIVE_COUNT, SETTINGS, Queue, Redrive, RedriveAllow
from emulator.template.properties import Values, integer, mapping
from emulator.template.registry import ResourceType, physical_name, without_effect
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
    return Queue(resource.name, **settings, redrive=_redrive(resource), redrive_allow=_redrive_allow(resource))


def _redrive(resource: Resource) -> Redrive | None:
    policy = _policy(resource, "RedrivePolicy", "deadLetterTargetArn maxReceiveCount")
    if policy is None:
        return None
    target = policy.get("deadLetterTargetArn")
    queue = find_queue(resource.template, target)
    if queue is None:
        raise ValueError(f"RedrivePolicy: expected a queue of this template, was {target}")
    allow = _redrive_allow(queue)
    if allow and not allow.permits(_arn(resource)):
        raise ValueError(f"RedrivePolicy: the RedriveAllowPolicy of {queue.logical_id} does not permit this queue")
    return Redrive(_arn(queue), integer(policy, "maxReceiveCount", 10, 1, MAX_RECEIVE_COUNT))


def _redrive_allow(resource: Resource) -> RedriveAllow | None:
    policy = _policy(resource, "RedriveAllowPolicy", "redrivePermission sourceQueueArns")
    try:
        return None if policy is None else RedriveAllow.parse(policy)
    except ValueError as error:
        raise ValueError(f"RedriveAllowPolicy: {error}") from None


def _policy(resource: Resource, name: str, keys: str) -> Values | None:
    """Returns a property that is a mapping or its JSON text."""
    policy = resource.values.get(name)
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError:
            raise ValueError(f"{name}: expected a mapping or JSON, was {policy!r}") from None
    return None if policy is None else mapping(policy, name, keys)


TYPES = (
    ResourceType(
        _QUEUE,
        used=words("QueueName RedriveAllowPolicy.** RedrivePolicy.**") | SETTINGS.keys(),
        ignored=words("KmsDataKeyReusePeriodSeconds KmsMasterKeyId SqsManagedSseEnabled Tags"),
        ref=_url,
        attributes={"Arn": _arn, "QueueName": physical_name, "QueueUrl": _url},
        build=_queue,
        name="QueueName",
    ),
    without_effect("AWS::SQS::QueuePolicy", physical_name),
)
