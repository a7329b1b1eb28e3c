"""MiniStack from PyPI, in an environment of its own, with a template deployed by `sam deploy`. Run, it is installed."""

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
from emulator.common.account import REGION
from emulator.stores import free_port

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
    """The process id and endpoint of a fresh MiniStack."""
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
        # A group of its own, to end with its workers.
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
    """`pid` and `endpoint` of a fresh MiniStack, and `ready`: the seconds until the template was deployed."""
    started = time.perf_counter()
    with running() as (pid, endpoint):
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": endpoint,
            "SAM_CLI_TELEMETRY": "0",
        }
        command = [
            *(SAM, "deploy", "--template-file", str(template), "--stack-name", "bench"),
            *("--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--region", REGION, "--no-progressbar"),
        ]
        deploy = subprocess.run(command, env=environment, cwd=template.parent, capture_output=True, text=True)
        if deploy.returncode:
            raise RuntimeError(f"expected sam deploy to succeed, was: {deploy.stdout}{deploy.stderr}")
        yield {"pid": pid, "endpoint": endpoint, "ready": time.perf_counter() - started}


def _await_health(server: subprocess.Popen[bytes], url: str) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        try:
            with urlopen(f"{url}/_ministack/health", timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError("MiniStack did not come up")


if __name__ == "__main__":
    install()
