from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import boto3
from labels import label  # type: ignore[import-not-found]

sqs = boto3.client("sqs")


class Jammed(Exception):
    pass


class TooHeavy(Exception):
    pass


def sort(event: dict[str, Any], context: object) -> None:
    batch = [record["body"] for record in event["Records"]]
    sqs.send_message(QueueUrl=os.environ["SORTED"], MessageBody=json.dumps(batch))


def weigh(event: dict[str, Any], context: object) -> str:
    parcel = event["parcel"]
    if event["retries"] < parcel.get("jams", 0):
        raise Jammed("try again")
    if parcel["weight"] > int(os.environ["HEAVIEST"]):
        raise TooHeavy(f"{parcel['weight']} kg")
    if "until" in parcel:
        Path(parcel["since"]).touch()
        while not Path(parcel["until"]).exists():
            time.sleep(0.01)
    return str(label(parcel["id"]))


def sweep(event: dict[str, Any], context: object) -> None:
    pass
