"""A disk that is full for a while: nothing works meanwhile, and everything does afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.support.client import ORDER, Client, Until, client
from tests.support.folders import data_folder
from tests.support.stack import running

pytestmark = pytest.mark.process


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder with 160 MB of its own."""
    folder = data_folder()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Takes all space, down to single bytes. Deleting the file gives it back."""
    file = disk / "filler"
    with open(file, "ab", buffering=0) as filler:
        for size in (1024 * 1024, 4096, 1):
            with suppress(OSError):
                while True:
                    filler.write(b"x" * size)
    assert os.statvfs(disk).f_bavail == 0
    return file


async def test_orders_run_again_once_there_is_space(disk: Path) -> None:
    with running(disk) as stack:
        async with client(stack) as at:
            assert (await at.executed())["status"] == "confirmed"

            # GIVEN a full disk while orders come, and while Postgres crashes for want of space
            filler = fill(disk)
            answers = await asyncio.gather(*(order(at) for _ in range(10)))
            assert {status for status, _ in answers} <= {202, 500, 502, 503}
            with suppress(psycopg.Error), psycopg.connect(stack.parameters["DatabaseUrl"], autocommit=True) as session:
                session.execute("CHECKPOINT")
            fill(disk)  # the crash gave some space back

            # WHEN there is space again
            filler.unlink()

            # THEN everything comes back by itself
            async for _ in Until("everything is up"):
                status, body = await at.raw("GET", "/health", {})
                if (status, json.loads(body).get("status")) == (200, "up"):
                    break
            assert (await at.executed())["status"] == "confirmed"


def test_it_stops_while_the_disk_is_full(disk: Path) -> None:
    with running(disk) as stack:
        fill(disk)
        everything = stack.processes()
        stack.process.send_signal(signal.SIGTERM)
        stack.await_clean_exit(everything)


async def order(at: Client) -> tuple[int, bytes]:
    return await at.raw("POST", "/api/orders/execute", {"Content-Type": "application/json"}, data=json.dumps(ORDER))
