"""The code of docs/webhooks.md verifies what the engine sends, and refuses everything else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from order_engine.domain.webhooks import new_webhook_secret, signed_headers

PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
BODY = '{"type": "order.confirmed", "data": {"symbol": "é"}}'
SECRET = new_webhook_secret()


def code(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


def python(secret: str, headers: dict[str, str], body: str) -> bool:
    names: dict[str, Any] = {}
    exec(code("python"), names)
    return bool(names["verified"](secret, headers, body.encode()))


def javascript(secret: str, headers: dict[str, str], body: str) -> bool:
    script = f"{code('js')}\nconst [a, b, c] = JSON.parse(process.argv[1]);console.log(verified(a, b, Buffer.from(c)));"
    command = ["node", "--input-type=module", "--eval", script, json.dumps([secret, headers, body])]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "true\n"


@pytest.mark.parametrize(
    "verified",
    [python, pytest.param(javascript, marks=pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js"))],
)
def test_the_documented_code_verifies_what_is_sent_and_nothing_else(verified: Any) -> None:
    now = int(time.time())
    headers = signed_headers(SECRET, "order_5", now, BODY)
    assert verified(SECRET, headers, BODY)
    other = signed_headers(new_webhook_secret(), "order_5", now, BODY)["webhook-signature"]
    assert verified(SECRET, {**headers, "webhook-signature": f"{other} {headers['webhook-signature']}"}, BODY)
    assert not verified(SECRET, headers, BODY.replace("confirmed", "failed"))
    assert not verified(SECRET, {**headers, "webhook-id": "order_6"}, BODY)
    assert not verified(SECRET, {**headers, "webhook-timestamp": str(now + 1)}, BODY)
    assert not verified(SECRET, {**headers, "webhook-signature": other}, BODY)
    assert not verified(SECRET, signed_headers(SECRET, "order_5", now - 600, BODY), BODY)
