"""The API reference over HTTP."""

from __future__ import annotations

import re

import aiohttp
import pytest

from tests.support.stack import Stack

BUDGET = 700_000
"""Maximum bytes of a page and its files on the wire."""


@pytest.mark.parametrize("path", ["/docs", "/docs/websocket"])
@pytest.mark.parametrize("root", ["", pytest.param("/v1", marks=pytest.mark.needs("local"))])
async def test_the_reference_needs_no_key_and_its_files_are_compressed(stack: Stack, root: str, path: str) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(f"{stack.rest}{root}{path}", headers={"Accept-Encoding": "identity"}) as answer:
            page = await answer.text()
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
        total = len(page)
        host = stack.rest.removesuffix("/v1")
        assets = set(re.findall(r'(?:href|src)="(/v1/docs/assets/[^"]+)"', page))
        assert {asset.rpartition("/")[2] for asset in assets} == {"icon.svg", "redoc.js", "reference.css"}
        for asset in assets:
            async with session.get(host + asset, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200
                assert "immutable" in answer.headers["Cache-Control"]
                total += len(await answer.read())
        assert total < BUDGET


async def test_an_unchanged_reference_is_answered_with_304(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{stack.rest}/docs") as answer:
            tag = answer.headers["ETag"]
        async with session.get(f"{stack.rest}/docs", headers={"If-None-Match": tag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.get(f"{stack.rest}/docs/websocket", headers={"If-None-Match": tag}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/docs/assets/0000000000000000/redoc.js", "/docs/assets/{version}/app.py"])
async def test_other_files_of_the_reference_are_not_found(stack: Stack, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{stack.rest}/docs") as answer:
            version = re.findall("/assets/([0-9a-f]{16})/", await answer.text())[0]
        async with session.get(stack.rest + path.format(version=version)) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "NotFound"
