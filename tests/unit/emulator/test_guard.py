"""Which callers the ports that trust every caller refuse."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from emulator.common.errors import ApiError
from emulator.common.guard import check_caller

LOCAL = ("localhost:4566", "127.0.0.1:4566", "[::1]:4566", "localhost", "LOCALHOST:1", "host.docker.internal:4566")


@pytest.mark.parametrize("host", [*LOCAL, "sqs.us-east-1.localhost.localstack.cloud:4566", "a.localhost", "127.9.9.9"])
def test_a_program_on_this_machine_is_served(host: str) -> None:
    check_caller(make_mocked_request("POST", "/", {"Host": host}))


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:4566", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost"),
        *("10.0.0.1:4566", "[::2]:4566", "127.0.0.1@evil.example", "localhost:4566x", "localstack.cloud", "\u0661"),
    ],
)
def test_a_foreign_host_is_refused(host: str) -> None:
    with pytest.raises(ApiError, match="expected a Host of this machine, such as localhost:4566, was") as refusal:
        check_caller(make_mocked_request("POST", "/", {"Host": host}))
    assert (refusal.value.code, refusal.value.status) == ("AccessDeniedException", 403)


@pytest.mark.parametrize("host", LOCAL)
def test_a_page_of_the_console_is_served(host: str) -> None:
    check_caller(
        make_mocked_request("POST", "/", {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
    )


@pytest.mark.parametrize(
    "origin",
    [
        *("null", "", "http://evil.example", "https://localhost:4566", "http://localhost", "http://localhost:3000"),
        "http://127.0.0.1:4566",
    ],
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    with pytest.raises(ApiError, match="expected no Origin, or http://localhost:4566, was") as refusal:
        check_caller(make_mocked_request("POST", "/", {"Host": "localhost:4566", "Origin": origin}))
    assert refusal.value.status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_page_may_link_to_the_console_but_not_embed_it(site: str) -> None:
    headers = {"Host": "localhost:4566", "Sec-Fetch-Site": site}
    check_caller(make_mocked_request("GET", "/_emulator/", {**headers, "Sec-Fetch-Mode": "navigate"}))
    with pytest.raises(ApiError, match="expected no request of another page"):
        check_caller(make_mocked_request("GET", "/_emulator/", {**headers, "Sec-Fetch-Mode": "no-cors"}))


def test_the_address_bar_opens_the_console() -> None:
    headers = {"Host": "localhost:4566", "Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}
    check_caller(make_mocked_request("GET", "/_emulator/", headers))
