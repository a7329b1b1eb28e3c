"""MiniStack from PyPI, in a virtual environment of its own. `python -m bench.ministack` installs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from bench.stack import ROOT
from emulator.stores import free_port
from tools import sam_deploy

REQUIREMENTS = ROOT / "requirements" / "ministack.txt"
ENVIRONMENT = ROOT / ".local" / "ministack"
TOOLS = Path(sys.executable).parent
SAM = str(TOOLS / "sam")
# MiniStack runs functions with its own Python.
PYTHON = "3.13"
START_SECONDS = 30.0


def install() -> None:
    uv = str(TOOLS / "uv")
    create = [uv, "venv", "--quiet", "--allow-existing", "--no-python-downloads", "--python", PYTHON, str(ENVIRONMENT)]
    subprocess.run(create, check=True)
    python = str(ENVIRONMENT / "bin" / "python")
    command = [uv, "pip", "sync", "--quiet", "--python", python, "--require-hashes", str(REQUIREMENTS)]
    subprocess.run(command, check=True)


@contextmanager
def running() -> Iterator[tuple[int, str]]:
    """Starts a MiniStack; yields its process id and its endpoint."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        endpoint = f"http://127.0.0.1:{port}"
        environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": endpoint,
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "ERROR",
            "S3_DATA_DIR": f"{folder}/s3",
            "TMPDIR": folder,
        }
        # A process group of its own, so that its workers end with it.
        server = subprocess.Popen(
            [ENVIRONMENT / "bin" / "python", "-m", "ministack"],
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            _await_health(server, endpoint)
            yield server.pid, endpoint
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


@contextmanager
def deployed(template: Path) -> Iterator[dict[str, Any]]:
    """Deploys the template to a new MiniStack; yields `pid`, `endpoint` and, as `ready`, the seconds it took."""
    started = time.perf_counter()
    with running() as (pid, endpoint):
        sam_deploy.deploy([SAM], endpoint, template, "bench")
        yield {"pid": pid, "endpoint": endpoint, "ready": time.perf_counter() - started}


def _await_health(server: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(f"{url}/_ministack/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"expected MiniStack to answer within {START_SECONDS:.0f} s")


if __name__ == "__main__":
    install()
