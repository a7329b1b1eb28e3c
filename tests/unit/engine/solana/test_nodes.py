"""Calls of nodes that are down, slow, busy, behind or lying."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import traceback
from base64 import b64decode
from typing import Any

import pytest

from order_engine.domain.errors import ChainRefused, VenueUnavailable
from order_engine.domain.markets import DEVNET, LOCALNET, MAINNET
from order_engine.solana.nodes import MAX_ANSWER_BYTES, Nodes, RpcError
from tests.support.network import closed_port
from tests.support.solana_node import FakeNode, Refusal, Reply

DEVNET_GENESIS = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
BEHIND = -32016
KEY = "0123456789abcdef-secret"


def number(result: Any) -> int:
    if type(result) is not int:
        raise TypeError("no number")
    return result


def call(nodes: Nodes) -> int:
    return nodes.call("getSlot", [{"commitment": "confirmed"}], number)


def refuse(*parameters: Any) -> None:
    raise Refusal(BEHIND, "Minimum context slot has not been reached")


@pytest.fixture(autouse=True)
def results(node: FakeNode, other_node: FakeNode) -> None:
    node.results["getSlot"], other_node.results["getSlot"] = 7, 8


@pytest.fixture
def nodes(node: FakeNode) -> Nodes:
    return Nodes(node.url, deadline=0.5)


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def two(node: FakeNode, other_node: FakeNode, warnings: list[str]) -> Nodes:
    return Nodes(f"{node.url}, {other_node.url}", deadline=0.5, warn=warnings.append)


def test_a_call_and_its_parameters_reach_the_node(node: FakeNode, nodes: Nodes) -> None:
    assert call(nodes) == 7
    assert node.calls == [("getSlot", [{"commitment": "confirmed"}])]


def test_calls_share_a_connection_also_when_the_answer_has_many_pieces(node: FakeNode, nodes: Nodes) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": 7, "padding": "x" * 100_000}).encode()
    node.replies = [Reply(body=body, pieces=10)]
    assert [call(nodes), call(nodes)] == [7, 7]
    assert node.connections == 1


def test_a_call_is_sent_again_when_the_node_has_closed_the_connection(node: FakeNode, nodes: Nodes) -> None:
    node.results["getSlot"] = 9
    assert call(nodes) == 9
    node.replies = [Reply(body=b"", headers={"Content-Length": "20", "Connection": "close"})]
    assert call(nodes) == 9
    assert len(node.calls) == 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"jsonrpc": "2.0", "id": 1, "result": ',
        b"[" * 100_000,
        b"[]",
        b"null",
        b'"result"',
        b'{"jsonrpc": "2.0", "id": 1}',
        b'{"jsonrpc": "2.0", "result": 7}',
        b'{"jsonrpc": "2.0", "id": 2, "result": 7}',
        b'{"jsonrpc": "2.0", "id": 1, "result": "7"}',
        b'{"jsonrpc": "2.0", "id": 1, "result": null}',
        b'{"jsonrpc": "2.0", "id": 1, "result": {"value": 7}}',
        b'{"jsonrpc": "2.0", "id": 1, "error": "no"}',
        b'{"jsonrpc": "2.0", "id": 1, "error": {"message": "no"}}',
        b'{"jsonrpc": "2.0", "id": 1, "error": {"code": "x", "message": "no"}}',
        b"\xff\xfe",
        b'{"id": 1, "result": ' + b"9" * 10_000 + b"}",
    ],
)
def test_nonsense_is_refused_by_name(node: FakeNode, nodes: Nodes, body: bytes) -> None:
    node.replies = [Reply(body=body)]
    with pytest.raises(VenueUnavailable, match=f"^getSlot: {node.host}: expected an answer to getSlot, was nonsense: "):
        call(nodes)


def test_the_next_node_answers_instead_of_one_that_answers_nonsense(
    node: FakeNode, two: Nodes, warnings: list[str]
) -> None:
    node.replies = [Reply(body=b"nonsense")]
    assert call(two) == 8
    assert [warning.split(",")[0] for warning in warnings] == [f"{node.host}: expected an answer to getSlot"]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_the_next_node_answers_and_stays_the_first(
    node: FakeNode, other_node: FakeNode, two: Nodes, warnings: list[str], status: int
) -> None:
    node.replies = [Reply(status)]
    assert [call(two), call(two)] == [8, 8]
    assert (len(node.calls), len(other_node.calls)) == (1, 2)
    assert warnings == [f"{node.host}: expected status 200, was {status}"]


def test_the_first_node_answers_again_when_the_second_is_down(node: FakeNode, other_node: FakeNode, two: Nodes) -> None:
    node.replies, other_node.replies = [Reply(500)], [Reply(200, b'{"id": 1, "result": 8}'), Reply(500)]
    assert [call(two), call(two)] == [8, 7]


def test_two_calls_at_once_that_pass_over_a_node_keep_the_other(node: FakeNode, two: Nodes) -> None:
    node.replies = [Reply(500)] * 2
    assert two.call("getSlot", [], lambda result: call(two)) == 8
    assert call(two) == 8


def test_every_node_that_failed_is_named(node: FakeNode, other_node: FakeNode, two: Nodes) -> None:
    node.replies, other_node.replies = [Reply(503)], [Reply(body=b"nonsense")]
    with pytest.raises(VenueUnavailable) as raised:
        call(two)
    assert node.host in str(raised.value)
    assert other_node.host in str(raised.value)


def test_a_node_that_hangs_leaves_time_for_the_next_one(node: FakeNode, two: Nodes, warnings: list[str]) -> None:
    node.replies = [Reply(body=b"late", pause=30)]
    before = time.monotonic()
    assert call(two) == 8
    assert 0.2 < time.monotonic() - before < 0.5
    assert warnings == [f"{node.host}: expected an answer, was ReadTimeoutError"]


def test_a_node_that_is_down_is_passed_over(other_node: FakeNode) -> None:
    with closed_port() as port:
        assert call(Nodes(f"http://127.0.0.1:{port},{other_node.url}")) == 8


def test_no_node_at_all() -> None:
    with closed_port() as port, pytest.raises(VenueUnavailable, match=f"127.0.0.1:{port}: .*was NewConnectionError"):
        call(Nodes(f"http://127.0.0.1:{port}", deadline=0.5))


def test_an_answer_that_trickles_in_does_not_outlast_the_deadline(node: FakeNode, nodes: Nodes) -> None:
    node.replies = [Reply(body=b" " * 1_000, pieces=1_000, pause=0.05)]
    before = time.monotonic()
    with pytest.raises(VenueUnavailable, match=f"getSlot: {node.host}: expected "):
        call(nodes)
    assert 0.4 < time.monotonic() - before < 0.8


def test_an_answer_that_does_not_end_does_not_outlast_the_deadline(node: FakeNode) -> None:
    node.replies = [Reply(body=b" " * 2**26)]
    with pytest.raises(VenueUnavailable, match=f"getSlot: {node.host}: expected "):
        call(Nodes(node.url, deadline=0.01))


def test_the_time_that_a_connection_takes_is_part_of_the_deadline() -> None:
    """GIVEN a node whose queue is full, so that the connection is only made at the second try, a second later."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        address = listening.getsockname()
        with socket.create_connection(address):
            accepting = threading.Timer(0.3, lambda: listening.accept()[0].close())
            accepting.start()
            before = time.monotonic()
            with pytest.raises(VenueUnavailable, match="ReadTimeoutError"):
                call(Nodes(f"http://127.0.0.1:{address[1]}", deadline=1.5))
            assert time.monotonic() - before < 2
            accepting.join()


def test_an_answer_that_is_too_large_is_refused(node: FakeNode) -> None:
    node.replies = [Reply(body=b" " * (MAX_ANSWER_BYTES + 1))]
    with pytest.raises(VenueUnavailable, match=f"expected an answer of at most {MAX_ANSWER_BYTES} bytes, was a larger"):
        call(Nodes(node.url, deadline=10))


def test_a_busy_node_is_called_again_when_it_says(node: FakeNode) -> None:
    node.replies = [Reply(429, headers={"Retry-After": "1"})]
    before = time.monotonic()
    assert call(Nodes(node.url, deadline=1.5)) == 7
    assert 1 <= time.monotonic() - before < 1.5


def test_a_busy_node_is_not_called_without_pause(node: FakeNode, nodes: Nodes) -> None:
    node.replies = [Reply(429, headers={"Retry-After": "0"})] * 100
    with pytest.raises(VenueUnavailable, match="expected status 200, was 429"):
        call(nodes)
    assert 2 <= len(node.calls) <= 5


@pytest.mark.parametrize("after", ["60", "soon", "Fri, 31 Dec 2100 23:59:59 GMT", "-1", "1e9"])
def test_nobody_waits_longer_than_the_deadline_for_a_busy_node(node: FakeNode, nodes: Nodes, after: str) -> None:
    node.replies = [Reply(429, headers={"Retry-After": after})]
    before = time.monotonic()
    with pytest.raises(VenueUnavailable, match="expected status 200, was 429"):
        call(nodes)
    assert time.monotonic() - before < 0.3


def test_a_refusal_has_code_message_and_data(node: FakeNode, nodes: Nodes) -> None:
    def preflight(*parameters: Any) -> None:
        raise Refusal(-32002, "Transaction simulation failed", {"err": "BlockhashNotFound"})

    node.results["getSlot"] = preflight
    with pytest.raises(RpcError) as raised:
        call(nodes)
    assert (raised.value.code, raised.value.data) == (-32002, {"err": "BlockhashNotFound"})
    assert str(raised.value) == f"{node.host}: Transaction simulation failed (-32002)"


def test_what_every_node_would_refuse_is_asked_once(node: FakeNode, other_node: FakeNode, two: Nodes) -> None:
    def invalid(*parameters: Any) -> None:
        raise Refusal(-32602)

    node.results["getSlot"] = invalid
    with pytest.raises(RpcError):
        call(two)
    assert other_node.calls == []


def test_the_next_node_answers_instead_of_one_that_lags_behind(node: FakeNode, two: Nodes) -> None:
    node.results["getSlot"] = refuse
    assert call(two) == 8


def test_a_refusal_by_all_nodes_stays_a_refusal(node: FakeNode, other_node: FakeNode, two: Nodes) -> None:
    node.results["getSlot"] = other_node.results["getSlot"] = refuse
    with pytest.raises(RpcError, match=other_node.host):
        call(two)


def test_a_refusal_does_not_hide_that_the_other_node_is_down(node: FakeNode, other_node: FakeNode, two: Nodes) -> None:
    other_node.results["getSlot"] = refuse
    node.replies = [Reply(500)]
    with pytest.raises(VenueUnavailable, match="was 500; .*Minimum context slot"):
        call(two)


@pytest.mark.parametrize("body", [b"", b"<html>Gone</html>"])
def test_a_method_that_is_switched_off_is_a_refusal(node: FakeNode, nodes: Nodes, body: bytes) -> None:
    node.replies = [Reply(410, body)]
    with pytest.raises(RpcError, match="expected status 200, was 410") as raised:
        call(nodes)
    assert raised.value.code == 410


def test_a_refusal_may_come_with_another_status(node: FakeNode, nodes: Nodes) -> None:
    body = b'{"jsonrpc": "2.0", "error": {"code": 403, "message": "Access forbidden"}, "id": null}'
    node.replies = [Reply(403, body)]
    with pytest.raises(RpcError, match="Access forbidden"):
        call(nodes)


def test_redirects_are_not_followed(node: FakeNode, other_node: FakeNode, nodes: Nodes) -> None:
    node.replies = [Reply(307, headers={"Location": other_node.url})]
    with pytest.raises(RpcError, match="was 307"):
        call(nodes)
    assert other_node.calls == []


class TestClusters:
    def test_a_node_of_the_expected_cluster_is_asked_once(self, node: FakeNode) -> None:
        node.results["getGenesisHash"] = DEVNET_GENESIS
        nodes = Nodes(node.url, DEVNET)
        assert [call(nodes), call(nodes)] == [7, 7]
        assert [method for method, _ in node.calls] == ["getGenesisHash", "getSlot", "getSlot"]

    @pytest.mark.parametrize(("genesis", "expected"), [(DEVNET_GENESIS, MAINNET), (DEVNET_GENESIS, LOCALNET)])
    def test_a_node_of_another_cluster_is_refused_before_anything_else(
        self, node: FakeNode, genesis: str, expected: str
    ) -> None:
        node.results["getGenesisHash"] = genesis
        with pytest.raises(ChainRefused, match=f"{node.host}: expected a node of {expected}, was one of Devnet"):
            call(Nodes(node.url, expected))
        assert node.called("getSlot") == []

    def test_every_node_must_be_of_the_cluster(self, node: FakeNode, other_node: FakeNode) -> None:
        nodes = Nodes(f"{node.url},{other_node.url}", LOCALNET)
        other_node.results["getGenesisHash"] = DEVNET_GENESIS
        node.replies = [Reply(500)]
        with pytest.raises(ChainRefused, match=f"{other_node.host}: expected a node of Localnet"):
            call(nodes)

    @pytest.mark.parametrize("genesis", [None, 5, "", "localnet", ["x"]])
    def test_nonsense_is_no_cluster(self, node: FakeNode, genesis: Any) -> None:
        node.results["getGenesisHash"] = genesis
        with pytest.raises(VenueUnavailable, match="expected an answer to getGenesisHash, was nonsense"):
            call(Nodes(node.url, LOCALNET))


class TestSecrets:
    @pytest.fixture(
        params=["{}/v2/KEY", "{}/?api-key=KEY", "{}/rpc?a=b&token=KEY#x", "http://user:KEY@{host}", "http://KEY@{host}"]
    )
    def url(self, request: pytest.FixtureRequest, node: FakeNode) -> str:
        pattern = str(request.param).replace("KEY", KEY)
        return pattern.replace("{host}", node.host).replace("{}", node.url)

    @pytest.mark.parametrize(
        "reply",
        [
            Reply(401),
            Reply(500),
            Reply(body=b"nonsense"),
            Reply(body=b"late", pause=30),
            Reply(body=b"", headers={"Content-Length": "9", "Connection": "close"}),
            Reply(401, b'{"error": {"code": -32401, "message": "no such key: ' + KEY.encode() + b'"}, "id": null}'),
            Reply(body=b'{"id": "' + KEY.encode() + b'", "result": 7}'),
        ],
    )
    def test_an_api_key_is_in_no_error_and_no_log(
        self, node: FakeNode, caplog: pytest.LogCaptureFixture, url: str, reply: Reply
    ) -> None:
        node.replies = [reply, reply]
        caplog.set_level(logging.DEBUG)
        with pytest.raises((RpcError, VenueUnavailable)) as raised:
            call(Nodes(url, deadline=0.1))
        error: BaseException | None = raised.value
        assert KEY not in "".join(traceback.format_exception(error))
        while error is not None:
            assert KEY not in str(error)
            error = error.__context__
        assert KEY not in caplog.text
        assert node.host in str(raised.value)

    def test_the_node_gets_the_key(self, node: FakeNode, url: str) -> None:
        assert call(Nodes(url)) == 7
        asked = node.requests[-1]
        login = b64decode((asked.authorization or "").removeprefix("Basic ")).decode()
        assert KEY in asked.path or login in (f"user:{KEY}", f"{KEY}:")

    @pytest.mark.parametrize("url", ["", KEY, f"ftp://{KEY}", f"https:///{KEY}", f"http://localhost,{KEY}"])
    def test_a_text_that_is_no_url_is_refused_without_showing_it(self, url: str) -> None:
        with pytest.raises(ValueError, match="^expected URLs of nodes such as https://api.devnet.solana.com") as raised:
            Nodes(url)
        assert KEY not in str(raised.value)
