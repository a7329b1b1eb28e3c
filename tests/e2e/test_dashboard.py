"""The dashboard's page over HTTP."""

from __future__ import annotations

import re

import aiohttp
import pytest

from tests.support.stack import Stack

BUDGET = 250_000
"""Maximum bytes of all files on the wire."""


@pytest.mark.parametrize("root", ["", pytest.param("/v1", marks=pytest.mark.needs("local"))])
async def test_the_page_needs_no_key_and_its_files_are_compressed(stack: Stack, root: str) -> None:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        async with session.get(f"{stack.rest}{root}/", headers={"Accept-Encoding": "identity"}) as answer:
            page = await answer.text()
            assert (answer.status, answer.content_type) == (200, "text/html")
            policy = answer.headers["Content-Security-Policy"]
            assert f"connect-src 'self' {stack.websocket}" in policy
            assert "unsafe" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        total = len(page)
        host = stack.rest.removesuffix("/v1")
        assets = set(re.findall(r'(?:href|src)="(/v1/assets/[^"]+)"', page))
        assert {asset.rpartition(".")[2] for asset in assets} == {"css", "js", "svg"}
        for asset in assets:
            async with session.get(host + asset, headers={"Accept-Encoding": "gzip"}) as answer:
                assert answer.status == 200
                assert "immutable" in answer.headers["Cache-Control"]
                body = await answer.read()
                assert answer.headers.get("Content-Encoding") == "gzip" or len(body) < 4096
                total += len(body)
        assert total < BUDGET


async def test_an_unchanged_page_is_answered_with_304(stack: Stack) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stack.rest) as answer:
            tag = answer.headers["ETag"]
        async with session.get(stack.rest, headers={"If-None-Match": f'"other", W/{tag}'}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
        async with session.get(stack.rest, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/assets/0000000000000000/main.js",
        "/assets/{version}/app.py",
        "/assets/{version}/index.html",
        "/assets/{version}/..%2Fapp.py",
    ],
)
async def test_other_paths_are_not_found(stack: Stack, path: str) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(stack.rest) as answer:
            version = re.findall("/assets/([0-9a-f]{16})/", await answer.text())[0]
        async with session.get(stack.rest + path.format(version=version)) as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "NotFound"
