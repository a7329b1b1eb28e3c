"""The HTTP server: who may ask, what of, and what a client sees of faults."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import pytest
from solders.pubkey import Pubkey

from tests.support.localnet import SOL
from tests.support.localnet_process import LocalnetProcess, localnet_process

JSON = {"Content-Type": "application/json"}
HEALTH = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getHealth"})


@pytest.fixture
def localnet(process: LocalnetProcess) -> Iterator[LocalnetProcess]:
    yield process
    process("localnet_clear")


def ask(
    localnet: LocalnetProcess,
    body: str = HEALTH,
    headers: Mapping[str, str] = JSON,
    method: str = "POST",
    path: str = "/",
    timeout: float = 30,
) -> tuple[HTTPResponse, str]:
    address = urlsplit(localnet.url)
    connection = HTTPConnection(str(address.hostname), address.port, timeout=timeout)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        return response, response.read().decode()
    finally:
        connection.close()


def test_a_call_is_answered(localnet: LocalnetProcess) -> None:
    response, text = ask(localnet)
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert json.loads(text) == {"jsonrpc": "2.0", "result": "ok", "id": 1}


def test_a_batch_is_answered(localnet: LocalnetProcess) -> None:
    assert [each["id"] for each in json.loads(ask(localnet, f"[{HEALTH}, {HEALTH}]")[1])] == [1, 1]


def test_a_notification_gets_no_body(localnet: LocalnetProcess) -> None:
    response, text = ask(localnet, '{"jsonrpc": "2.0", "method": "getHealth"}')
    assert (response.status, text) == (204, "")


@pytest.mark.parametrize("body", ["", "{", "\x00", "nope", "[" * 50_000])
def test_what_is_no_json_is_a_parse_error(localnet: LocalnetProcess, body: str) -> None:
    assert json.loads(ask(localnet, body)[1])["error"] == {"code": -32700, "message": "Parse error"}


def test_a_body_that_is_too_large_is_refused(localnet: LocalnetProcess) -> None:
    assert ask(localnet, HEALTH.rstrip("}") + " " * 51_200 + "}")[0].status == 413


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_types_that_a_page_may_send_anywhere_are_refused(localnet: LocalnetProcess, content_type: str) -> None:
    response, text = ask(localnet, headers={"Content-Type": content_type})
    assert (response.status, text) == (415, "expected Content-Type: application/json\n")


@pytest.mark.parametrize("origin", ["http://localhost:5173", "http://127.0.0.1:3000", "https://app.localhost"])
def test_a_page_of_this_machine_may_ask(localnet: LocalnetProcess, origin: str) -> None:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed, _ = ask(localnet, "", asked, method="OPTIONS")
    assert allowed.status == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == origin
    assert "content-type" in allowed.headers["Access-Control-Allow-Headers"]
    localnet("localnet_fault", "503", {"times": 1})
    for status in (503, 200):
        response, _ = ask(localnet, headers={**JSON, "Origin": origin})
        assert (response.status, response.headers["Access-Control-Allow-Origin"]) == (status, origin)


@pytest.mark.parametrize(
    "origin", ["https://example.com", "null", "http://localhost.example.com", "http://192.168.0.9"]
)
def test_a_page_of_another_site_may_not(localnet: LocalnetProcess, origin: str) -> None:
    for method in ("POST", "OPTIONS"):
        response, text = ask(localnet, headers={**JSON, "Origin": origin}, method=method)
        assert response.status == 403
        assert text.startswith("expected no Origin, or one of this machine")
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com:8899", ""])
def test_a_host_that_is_not_this_machine_is_refused(localnet: LocalnetProcess, host: str) -> None:
    response, text = ask(localnet, headers={**JSON, "Host": host})
    assert response.status == 403
    assert text.startswith("expected a Host of this machine")


@pytest.mark.parametrize("host", ["localhost:8899", "[::1]:8899", "host.docker.internal:8899"])
def test_names_of_this_machine_are_fine(localnet: LocalnetProcess, host: str) -> None:
    assert ask(localnet, headers={**JSON, "Host": host})[0].status == 200


def test_too_many_requests(localnet: LocalnetProcess) -> None:
    localnet("localnet_fault", "429", {"times": 1})
    response, _ = ask(localnet)
    assert (response.status, response.headers["Retry-After"]) == (429, "1")
    assert ask(localnet)[0].status == 200


def test_unavailable(localnet: LocalnetProcess) -> None:
    localnet("localnet_fault", "503", {"times": 1})
    assert ask(localnet)[0].status == 503
    assert ask(localnet)[0].status == 200


def test_a_call_without_an_answer_has_its_effect(localnet: LocalnetProcess) -> None:
    to = str(Pubkey.new_unique())
    gift = {"jsonrpc": "2.0", "id": 1, "method": "requestAirdrop", "params": [to, SOL]}
    localnet("localnet_fault", "timeout", {"times": 1})
    with pytest.raises(TimeoutError):
        ask(localnet, json.dumps(gift), timeout=1)
    assert localnet("getBalance", to, {"commitment": "confirmed"})["value"] == SOL


def test_faults_can_be_ended_while_they_last(localnet: LocalnetProcess) -> None:
    for kind in ("429", "503", "timeout"):
        localnet("localnet_fault", kind)
    assert localnet("localnet_clear") == []
    assert ask(localnet)[0].status == 200


def test_it_stops_although_a_call_hangs(tmp_path_factory: pytest.TempPathFactory) -> None:
    with localnet_process(tmp_path_factory.mktemp("localnet"), "--no-market", "--instant") as process:
        process("localnet_fault", "timeout")
        address = urlsplit(process.url)
        connection = HTTPConnection(str(address.hostname), address.port)
        connection.request("POST", "/", HEALTH, JSON)
        time.sleep(0.2)
        start = time.monotonic()
        assert process.stop()[0] == 0
        assert time.monotonic() - start < 10
        connection.close()


def test_another_path_is_not_found(localnet: LocalnetProcess) -> None:
    assert ask(localnet, path="/elsewhere")[0].status == 404


def test_it_answers_at_both_addresses_of_this_machine(localnet: LocalnetProcess) -> None:
    port = urlsplit(localnet.url).port
    for host in ("127.0.0.1", "::1"):
        connection = HTTPConnection(host, port, timeout=30)
        connection.request("POST", "/", HEALTH, JSON)
        body: Any = json.load(connection.getresponse())
        assert body["result"] == "ok"
        connection.close()
