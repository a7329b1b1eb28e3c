"""Signatures equal those of the SDK."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.credentials
import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.aws.signing import Credentials, Signer

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def headers_of_the_sdk(
    credentials: Credentials, time: datetime, method: str, url: str, body: bytes, headers: dict[str, str]
) -> dict[str, str]:
    request = AWSRequest(method, url, data=body, headers=headers)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: time)
        signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials(*credentials), "execute-api", "eu-central-1")
        signer.add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    credentials=st.builds(Credentials, PRINTABLE, PRINTABLE, st.none() | PRINTABLE),
    time=st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    method=st.sampled_from(["POST", "GET", "DELETE"]),
    stage=st.sampled_from(["https://abc.execute-api.eu-central-1.amazonaws.com/v1", "http://127.0.0.1:3001"]),
    connection_id=st.text(min_size=1).filter(lambda text: text.strip(".")),
    body=st.binary(),
    headers=st.dictionaries(st.sampled_from(["content-type", "x-amz-target", "x-other"]), PRINTABLE),
)
def test_a_request_is_signed_as_the_sdk_signs_it(
    credentials: Credentials,
    time: datetime,
    method: str,
    stage: str,
    connection_id: str,
    body: bytes,
    headers: dict[str, str],
) -> None:
    url = urlsplit(f"{stage}/@connections/{quote(connection_id, safe='', errors='replace')}")
    signer = Signer(credentials, "execute-api", "eu-central-1", lambda: time)
    signed = signer.headers(method, url.netloc, url.path, body, headers)
    expected = headers_of_the_sdk(credentials, time, method, url.geturl(), body, headers)
    assert {name.lower(): value for name, value in signed.items()} == {**expected, "host": url.netloc}
