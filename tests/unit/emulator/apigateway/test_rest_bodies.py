"""Bodies of the REST API: media types, codings, sizes; and preflights."""

from __future__ import annotations

import base64
import gzip
import io
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from emulator.apigateway.records import Cors, Route
from tests.support.emulator.gateways import Event
from tests.support.emulator.rest_client import Client, run

GZIPPED = gzip.compress(b"text", mtime=0)


@pytest.mark.parametrize(
    ("types", "header", "binary"),
    [
        ((), "image/png", False),
        (("image/png",), "image/png", True),
        (("image/*",), "Image/PNG;q=0.5, text/plain", True),
        (("image/png",), "text/plain, image/png", False),
        (("image/png",), "*/*", False),
        (("image/png",), None, False),
        (("*/test",), "image/test", False),
        (("*/*",), "text/plain", True),
        (("*/*",), None, True),
    ],
)
def test_an_encoded_answer_is_decoded_for_a_client_that_first_accepts_a_binary_media_type(
    types: tuple[str, ...], header: str | None, binary: bool
) -> None:
    encoded = {"body": "AP8=", "isBase64Encoded": True}
    headers = {} if header is None else {"Accept": header}

    async def scenario(get: Client) -> None:
        _, _, body = await get("/", headers=headers, skip_auto_headers=["Accept"])
        assert body == (b"\x00\xff" if binary else b"AP8=")

    run(scenario, binary=types, echo=lambda event: encoded)


@pytest.mark.parametrize(
    ("types", "header", "binary"),
    [
        ((), "image/png", False),
        (("image/png",), "image/png", True),
        (("image/png",), "text/plain", False),
        (("multipart/form-data",), "multipart/form-data; boundary=a", True),
        (("*/*",), "text/plain", True),
    ],
)
def test_a_request_of_a_binary_media_type_arrives_encoded(types: tuple[str, ...], header: str, binary: bool) -> None:
    event = run(lambda post: post("/", "POST", data=b"ab", headers={"Content-Type": header}), binary=types)[2]
    assert (event["body"], event["isBase64Encoded"]) == (("YWI=", True) if binary else ("ab", False))


def test_binary_bodies_are_base64_encoded_both_ways() -> None:
    blob = bytes(range(256))

    def function(event: Event) -> Event:
        assert event["isBase64Encoded"]
        assert base64.b64decode(event["body"]) == blob
        return {
            "statusCode": 200,
            "headers": {"Content-Type": "image/png"},
            "body": event["body"],
            "isBase64Encoded": True,
        }

    status, headers, body = run(lambda post: post("/", "POST", data=blob), echo=function, binary=("*/*",))
    assert (status, headers["Content-Type"], body) == (200, "image/png", blob)


@pytest.mark.parametrize(
    ("coding", "sent"),
    [("gzip", GZIPPED), ("GZIP", GZIPPED), ("deflate", zlib.compress(b"text"))],
)
def test_a_compressed_body_reaches_the_function_decompressed(coding: str, sent: bytes) -> None:
    event = run(lambda post: post("/", "POST", data=sent, headers={"Content-Encoding": coding}))[2]
    assert (event["body"], event["isBase64Encoded"]) == ("text", False)
    assert "Content-Encoding" not in event["headers"]


@pytest.mark.parametrize(
    ("coding", "sent"),
    [
        ("br", b"text"),
        ("gzip, deflate", b"text"),
        ("gzip", b"text"),
        ("gzip", GZIPPED[:-1]),
        ("gzip", GZIPPED + b"more"),
        ("deflate", GZIPPED),
    ],
)
def test_a_body_of_another_coding_is_an_unsupported_media_type(coding: str, sent: bytes) -> None:
    async def scenario(post: Client) -> None:
        status, headers, body = await post("/", "POST", data=sent, headers={"Content-Encoding": coding})
        assert (status, body) == (415, {"message": "Unsupported Media Type"})
        assert headers["x-amzn-ErrorType"] == "UnsupportedMediaTypeException"
        assert not post.functions.events

    run(scenario)


def test_the_decompressed_body_has_the_limit_of_a_payload() -> None:
    sent = gzip.compress(b"a" * (10 * 2**20 + 1))
    status, _, body = run(lambda post: post("/", "POST", data=sent, headers={"Content-Encoding": "gzip"}))
    assert (status, body) == (413, {"message": "Request Too Long"})


def test_broken_base64_is_an_internal_error() -> None:
    broken = {"body": "%%%", "isBase64Encoded": True}
    assert run(lambda get: get("/"), binary=("*/*",), echo=lambda event: broken)[0] == 500


@pytest.mark.parametrize("chunked", [False, True])
def test_a_payload_has_at_most_ten_megabytes(chunked: bool) -> None:
    async def stream(size: int) -> AsyncIterator[bytes]:
        for _ in range(0, size, 2**20):
            yield b"a" * 2**20
        yield b"a" * (size % 2**20)

    async def scenario(post: Client) -> None:
        most = 10 * 2**20
        data: Any = stream(most) if chunked else io.BytesIO(b"a" * most)
        assert (await post("/", "POST", data=data))[2] == most
        data = stream(most + 1) if chunked else io.BytesIO(b"a" * (most + 1))
        status, headers, body = await post("/", "POST", data=data)
        assert (status, body) == (413, {"message": "Request Too Long"})
        assert headers["x-amzn-ErrorType"] == "RequestTooLargeException"

    run(scenario, echo=lambda event: {"body": str(len(event["body"]))})


def test_a_client_that_expects_100_continue_gets_it() -> None:
    event = run(lambda post: post("/", "POST", data=b"later", expect100=True))[2]
    assert event["body"] == "later"


def test_headers_have_at_most_ten_kilobytes_in_total() -> None:
    async def scenario(get: Client) -> None:
        assert (await get("/", headers={"X-A": "a" * 9_000}))[0] == 200
        assert (await get("/", headers={f"X-{i}": "a" * 900 for i in range(10)}))[0] == 200
        status, _, body = await get("/", headers={"X-A": "a" * 6_000, "X-B": "b" * 4_300})
        assert (status, body) == (431, {"message": "Request Header Fields Too Large"})

    run(scenario)


def test_a_preflight_is_answered_as_sam_generates_it() -> None:
    cors = Cors("*", "GET,POST,OPTIONS", "Content-Type", "600")
    status, headers, body = run(lambda options: options("/v1/x", "OPTIONS"), cors=cors)
    assert (status, body) == (200, {})
    given = {name: value for name, value in headers.items() if name.startswith("Access-Control")}
    assert given == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET,POST,OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type",
        "Access-Control-Max-Age": "600",
    }


def test_a_preflight_without_given_methods_names_those_of_the_path() -> None:
    async def scenario(options: Client) -> None:
        assert (await options("/x", "OPTIONS"))[1]["Access-Control-Allow-Methods"] == "GET,OPTIONS,PUT"
        assert (await options("/none", "OPTIONS"))[0] == 403

    run(scenario, routes=(Route("PUT", "/x", "echo"), Route("GET", "/x", "echo")), cors=Cors("*"))


def test_an_options_route_replaces_the_generated_one() -> None:
    event = run(lambda options: options("/", "OPTIONS"), routes=(Route("OPTIONS", "/", "echo"),), cors=Cors("*"))[2]
    assert event["httpMethod"] == "OPTIONS"


@pytest.mark.parametrize(
    ("size", "accepted", "coding"),
    [
        (4096, "gzip", "gzip"),
        (4096, "GZIP;q=0.1, deflate", "gzip"),
        (4096, "deflate, gzip", "deflate"),
        (4095, "gzip", None),
        (4096, "br, gzip", None),
        (4096, "gzip;q=0, deflate", None),
        (4096, "gzip; q=0.000", None),
        (4096, "*", None),
        (4096, "gzipped", None),
    ],
)
def test_a_body_is_compressed_from_the_minimum_size_on_with_the_first_accepted_coding(
    size: int, accepted: str, coding: str | None
) -> None:
    read: dict[str | None, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        None: bytes,
    }

    async def scenario(client: Client) -> None:
        _, headers, body = await client("/", headers={"Accept-Encoding": accepted})
        assert headers.get("Content-Encoding") == coding
        assert read[coding](body) == b"x" * size

    run(scenario, compressed_from=4096, echo=lambda event: {"statusCode": 200, "body": "x" * size})


def test_nothing_is_compressed_without_a_minimum_size_or_twice() -> None:
    async def scenario(client: Client) -> None:
        _, headers, _ = await client("/", headers={"Accept-Encoding": "gzip"})
        assert headers.get("Content-Encoding") == "identity"

    encoded = {"statusCode": 200, "headers": {"Content-Encoding": "identity"}, "body": "x" * 9}
    run(scenario, compressed_from=0, echo=lambda event: encoded)

    async def plain(client: Client) -> None:
        _, headers, _ = await client("/", headers={"Accept-Encoding": "gzip"})
        assert "Content-Encoding" not in headers

    run(plain)
